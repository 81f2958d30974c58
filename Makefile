# Everything runs in .venv, which `make build` makes.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

build:
	./bootstrap test

test:
	python -m pytest

check:
	ruff check . && ruff format --check . && mypy

# Each kernel under AddressSanitizer and UBSan, driven by tests/sanitize/<kernel>.c.
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all
sanitize: $(patsubst tests/sanitize/%.c,sanitize-%,$(wildcard tests/sanitize/*.c))

sanitize-%:
	mkdir -p build/sanitize
	$(CC) -std=c11 -O1 -g -Wall -Wextra $(SANITIZE) -Iext \
		tests/sanitize/$*.c $(wildcard ext/$*/*.c) -o build/sanitize/$*
	build/sanitize/$*

bench:
	python bench/chunkers.py

.PHONY: build test check sanitize bench
