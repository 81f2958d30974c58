"""From the file system to entries and nodes: targets, the walk, metadata, contents."""
