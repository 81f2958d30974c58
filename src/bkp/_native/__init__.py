"""What is built from `ext/`: one extension module for each kernel, its contract in a stub.

Every function releases the GIL while it works and raises ValueError for
arguments that its kernel could not survive.
"""
