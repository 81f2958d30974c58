"""Bring back to order what was damaged, and save what is left."""
