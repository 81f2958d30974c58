"""Points in time as options take them."""

from datetime import datetime

from bkp.errors import UsageError


def parse_local_time(text: str) -> int:
    """Read a local time as restic's --time takes it; return ns.  Raises UsageError."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").astimezone()
    except ValueError:
        raise UsageError(f"not a time: {text!r}; write it as 'YYYY-MM-DD HH:MM:SS'") from None
    return int(moment.timestamp()) * 1_000_000_000
