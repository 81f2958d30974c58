"""Build the extension modules; everything else is in pyproject.toml."""

from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup


def kernel(name: str) -> Extension:
    """Return the extension module of a kernel: its wrapper and all its C files."""
    return Extension(
        f"bkp._native.{name}",
        sources=[f"ext/{name}/_{name}.pyx", *sorted(glob(f"ext/{name}/*.c"))],
        include_dirs=["ext"],
        depends=sorted(glob("ext/**/*.h", recursive=True) + glob("ext/*/*.pxi")),
        extra_compile_args=["-std=c11", "-O3", "-Wall", "-Wextra"],
    )


KERNELS = ["envelope", "files", "gear", "index", "nodes", "packs", "rabin", "writefiles"]

setup(
    ext_modules=cythonize(
        [kernel(name) for name in KERNELS], build_dir="build/cython", language_level=3
    )
)
