"""Which files are meant: patterns, excludes, lists and sizes as people write them."""
