# Everything runs in .venv, which `make build` makes.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

build:
	./bootstrap test

test:
	python -m pytest

check:
	ruff check . && ruff format --check . && mypy

bench:
	python bench/chunkers.py

.PHONY: build test check bench
