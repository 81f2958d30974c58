"""Compare snapshots with each other, or with what is on disk."""
