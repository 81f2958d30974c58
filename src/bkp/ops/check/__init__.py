"""Verify a repository, and say which files what is wrong there costs."""
