"""The house holds: imports point down, neighbours are blind to each other, no cycles."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import bkp

SOURCE = Path(bkp.__file__).parent

# The floor of each top-level module or package; what is not named here is an error.
FLOORS = {
    "errors": 0,
    "ids": 0,
    "events": 0,
    "processes": 0,
    "times": 0,
    "users": 0,
    "version": 0,
    "workers": 0,
    "_native": 0,
    "chunking": 1,
    "crypto": 1,
    "formats": 1,
    "store": 1,
    "repo": 2,
    "files": 2,
    "ops": 3,
    "cli": 4,
    "library": 4,
    "__init__": 5,
    "__main__": 5,
}
# Each kernel of the extension, and the only module that touches it.
KERNELS = {
    "_native.envelope": "repo.sealing.native",
    "_native.files": "files.status",
    "_native.gear": "chunking.fastcdc",
    "_native.index": "repo.index",
    "_native.nodes": "formats.encoded",
    "_native.packs": "formats.headers",
    "_native.rabin": "chunking.rabin",
    "_native.writefiles": "files.writing.newfiles",
}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "constants", "misc"}
MAX_LINES = 400
MAX_FUNCTION_LINES = 60


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = list(path.relative_to(SOURCE).with_suffix("").parts)
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        found[".".join(parts)] = path
    return found


MODULES = modules()


def package_of(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def resolve(module: str, node: ast.ImportFrom) -> str:
    """Return the full dotted name of what is imported from, without `bkp.`."""
    if node.level == 0:
        return (node.module or "").removeprefix("bkp").lstrip(".")
    is_package = MODULES[module].name == "__init__.py" and module != "__init__"
    parts = [] if module == "__init__" else module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module] if node.module else base)


def imports(module: str) -> Iterator[str]:
    """Yield the modules of bkp that a module imports."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "bkp" or alias.name.startswith("bkp."):
                    yield alias.name.removeprefix("bkp").lstrip(".") or "__init__"
        elif isinstance(node, ast.ImportFrom) and (node.level or is_ours(node.module)):
            base = resolve(module, node)
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                yield inner if inner in MODULES else base or "__init__"


def is_ours(name: str | None) -> bool:
    return name is not None and (name == "bkp" or name.startswith("bkp."))


def test_every_module_has_a_floor() -> None:
    assert {package_of(module) for module in MODULES} <= set(FLOORS)


def test_imports_point_to_lower_floors_or_into_the_own_package() -> None:
    wrong = [
        f"{module} imports {target}"
        for module in MODULES
        for target in imports(module)
        if package_of(module) != package_of(target)
        and FLOORS[package_of(module)] <= FLOORS[package_of(target)]
    ]
    assert wrong == []


def test_there_are_no_cycles() -> None:
    graph = {module: {t for t in imports(module) if t != module} for module in MODULES}
    # A package's own `__init__` re-exports from its modules, which never import it back.
    TopologicalSorter(graph).prepare()


def test_imports_are_at_the_top_of_a_module() -> None:
    wrong = []
    for module, path in MODULES.items():
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.If):
                inner = [
                    n for n in ast.walk(function) if isinstance(n, ast.Import | ast.ImportFrom)
                ]
                wrong += [f"{module}:{node.lineno}" for node in inner]
    assert wrong == []


def test_each_kernel_is_touched_by_one_module() -> None:
    touched = {
        (target, module)
        for module in MODULES
        for target in imports(module)
        if target.startswith("_native")
    }
    assert touched == set(KERNELS.items())


def test_only_one_module_starts_threads() -> None:
    starters = {
        module
        for module, path in MODULES.items()
        if "threading.Thread(" in path.read_text() or "ThreadPoolExecutor(" in path.read_text()
    }
    assert starters == {"workers"}


def test_no_module_is_named_after_nothing() -> None:
    assert not [m for m in MODULES if FORBIDDEN_NAMES & set(m.split("."))]


def test_files_and_functions_stay_readable() -> None:
    long = []
    for module, path in MODULES.items():
        text = path.read_text()
        if text.count("\n") > MAX_LINES:
            long.append(module)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long.append(f"{module}.{node.name}: {lines} lines")
    assert long == []


def test_every_module_says_what_its_job_is() -> None:
    assert [m for m, p in MODULES.items() if not ast.get_docstring(ast.parse(p.read_text()))] == []
