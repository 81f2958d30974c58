"""What a user does with a repository: one verb a module."""
