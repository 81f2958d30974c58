"""From nodes to the file system, never outside a target."""
