"""What the system says about an entry, as it goes into messages."""


def reason(error: OSError) -> str:
    """Say in lower case, and without a path, what an error of the system is about."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
