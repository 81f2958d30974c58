"""Let snapshots expire: which to keep by what rule, and removing the others."""
