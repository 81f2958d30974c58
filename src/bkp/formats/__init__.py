"""Bytes to dataclasses and back, one module for each thing restic stores.

Strict and pure: no I/O, no keys, no clock.  Every decoder raises Malformed,
and nothing else, for bytes it does not accept.
"""
