"""Blobs to packs to a store, and back: the repository.

`repository` composes what the other modules of this package do; nobody
outside needs more than it, except for the types they name.
"""
