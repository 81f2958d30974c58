"""Build the extension module; everything else is in pyproject.toml."""

from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

NATIVE = Extension(
    "bkp._native",
    sources=["ext/_native.pyx", *sorted(glob("ext/*/*.c"))],
    include_dirs=["ext"],
    depends=sorted(glob("ext/*/*.h")),
    extra_compile_args=["-std=c11", "-O3", "-Wall", "-Wextra"],
)

setup(ext_modules=cythonize([NATIVE], build_dir="build/cython", language_level=3))
