"""Take a snapshot; `run` shows the whole of it, `stdin` is for streams."""
