"""Change what snapshots say, or what is in them: each becomes a new one."""
