"""What the chunkers are compared on: releases of real software, and generated streams.

Releases are wheels because unpacking one runs no foreign code; they are
pinned by version and SHA-256, fetched by pip once, and kept in `bench/data`.
"""

import hashlib
import io
import random
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
FAIL = "cannot get {}: {}\nto run without downloads: python bench/chunkers.py --quick"


@dataclass(frozen=True, slots=True)
class Project:
    """Successive releases of one project: version and SHA-256 of each wheel."""

    name: str
    stands_for: str
    wheels: tuple[tuple[str, str], ...]


PROJECTS = (
    Project(
        "Django",
        "source code, many small files",
        (
            ("5.1", "d3b811bf5371a26def053d7ee42a9df1267ef7622323fe70a601936725aa4557"),
            ("5.1.1", "71603f27dac22a6533fb38d83072eea9ddb4017fead6f67f2562a40402d61c3f"),
            ("5.1.2", "f11aa87ad8d5617171e3f77e1d5d16f004b79a2cf5d2e1d2b97a6a1f8e9ba5ed"),
            ("5.1.3", "8b38a9a12da3ae00cb0ba72da985ec4b14de6345046b1e174b1fd7254398f818"),
            ("5.1.4", "236e023f021f5ce7dee5779de7b286565fdea5f4ab86bae5338e3f7b69896cf0"),
            ("5.1.5", "c46eb936111fffe6ec4bc9930035524a8be98ec2f74d8a0ff351226a3e52f459"),
        ),
    ),
    Project(
        "botocore",
        "JSON, small edits every day",
        (
            ("1.29.160", "15d38dae978aba829daaf8d1b02ba2f2b73d4c1e4edc75234163d65a1328c1b5"),
            ("1.29.161", "b906999dd53dda2ef0ef6f7f55fcc81a4b06b9f1c8a9f65c546e0b981f959f5f"),
            ("1.29.162", "dadb7d793891274905511cdf8a06bea7d8f797c5e0824f06fbc70c7d1a5fdd17"),
            ("1.29.163", "dd0af0de58c12df39e043be3ad864a47d8b8ef10eedde15a73504ff75dcc261b"),
            ("1.29.164", "e1aeccde63839fc263126ccb5de98fcaf02fc6099fb18bb829085199774e2cec"),
            ("1.29.165", "6f35d59e230095aed7cd747604fe248fa384bebb7d09549077892f936a8ca3df"),
        ),
    ),
    Project(
        "numpy",
        "compiled libraries, some of 35 MB",
        (
            ("1.26.0", "e062aa24638bb5018b7841977c360d2f5917268d125c833a686b7cbabbec496c"),
            ("1.26.1", "6081aed64714a18c72b168a9276095ef9155dd7888b9e74b5987808f0dd0a974"),
            ("1.26.2", "96ca5482c3dbdd051bcd1fce8034603d6ebfc125a7bd59f55b40d8f5d246832b"),
            ("1.26.3", "f25e2811a9c932e43943a2615e65fc487a0b6b49218899e62e426e7f0a57eeda"),
            ("1.26.4", "666dbfb6ec68962c033a450943ded891bed2d54e6755e35e5835d63f4f6931d5"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Versions of one thing; a version is a list of streams, each cut by itself."""

    name: str
    form: str
    versions: list[list[bytes]]

    @property
    def total_bytes(self) -> int:
        return sum(len(stream) for version in self.versions for stream in version)


def releases(project: Project) -> list[Corpus]:
    """Return the releases as a backup sees them, file by file, and as tar streams."""
    trees = [_unpack(_wheel(project.name, *pin)) for pin in project.wheels]
    files = [[data for _, data in tree] for tree in trees]
    tars = [[tar_of(tree)] for tree in trees]
    return [Corpus(project.name, "files", files), Corpus(project.name, "tar", tars)]


def generated(length: int, versions: int = 5) -> list[Corpus]:
    """Return versions of a random stream, each with 20 more edits of up to 1000 bytes."""
    rng = random.Random("generated")
    streams = [rng.randbytes(length)]
    for _ in range(versions - 1):
        streams.append(edit(streams[-1], "mixed", 20, rng))
    return [Corpus("generated", "edited", [[stream] for stream in streams])]


def edit(data: bytes, kind: str, count: int, rng: random.Random) -> bytes:
    """Insert, delete or overwrite 1 to 1000 bytes, once in each of so many equal stretches."""
    pieces = []
    at = 0
    stretch = len(data) // count
    for number in range(count):
        place = number * stretch + rng.randrange(stretch - 1000)
        size = rng.randint(1, 1000)
        deed = rng.choice(["insert", "delete", "overwrite"]) if kind == "mixed" else kind
        pieces.append(data[at:place])
        if deed != "delete":
            pieces.append(rng.randbytes(size))
        at = place if deed == "insert" else place + size
    return b"".join(pieces) + data[at:]


def tar_of(tree: list[tuple[str, bytes]]) -> bytes:
    """Pack sorted files with all metadata constant, so that only contents differ."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in tree:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _unpack(wheel: Path) -> list[tuple[str, bytes]]:
    """Read the files; a directory named after the version loses it, as an update in place has."""
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))
        return [(name.replace(f"-{version}.", "."), archive.read(name)) for name in names]


def _wheel(name: str, version: str, digest: str) -> Path:
    if found := _find(name, version, digest):
        return found
    DATA.mkdir(exist_ok=True)
    pin = DATA / f"{name}-{version}.txt"
    pin.write_text(f"{name}=={version} --hash=sha256:{digest}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(DATA)]
    command += ["--only-binary", ":all:", "--python-version", "311"]
    command += ["--platform", "manylinux2014_x86_64", "--require-hashes", "-r", str(pin)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    pin.unlink()
    found = _find(name, version, digest)
    if found is None:
        sys.exit(FAIL.format(f"{name} {version}", done.stderr.strip()))
    return found


def _find(name: str, version: str, digest: str) -> Path | None:
    for path in DATA.glob(f"{name}-{version}-*.whl"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            return path
    return None
