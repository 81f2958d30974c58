"""The local file system: reading it into nodes, and writing nodes back to it.

Paths and names are bytes throughout, for a name may be any bytes.  Knows
nothing of identities, keys or repositories.
"""
