# Everything runs in the environment that is active; `make build` prepares it.

build:
	python -m pip install -e '.[test,lint]'

test:
	python -m pytest

check:
	ruff check . && ruff format --check . && mypy

bench:
	python bench/chunkers.py

.PHONY: build test check bench
