"""Bring a stored tree back; `run` shows the whole of it."""
