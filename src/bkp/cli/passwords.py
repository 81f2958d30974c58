"""Where passwords come from: flags, the environment, a file, a command, a prompt.

Never argv: everybody on the machine can read that.
"""

import getpass
import os
import shlex
import subprocess
import sys

from bkp.errors import UsageError

from .options import Settings

# Where the repository is that a command takes something from, its variables have this in them.
_OTHER = "_FROM"
_SECRETS = frozenset(
    f"{prefix}{other}_PASSWORD" for prefix in ("BKP", "RESTIC") for other in ("", _OTHER)
)

_SIZE_LIMIT = 64 << 10  # bytes; a password file that is larger is not one


def find_password(settings: Settings, *, twice: bool = False) -> str:
    """Return the password to use; `twice` asks for it again, for a new repository.

    Flags come before the environment, and bkp's variables before restic's.
    Raises UsageError if there is none and no terminal to ask on.
    """
    found = _given_password(settings.password_file, settings.password_command, "")
    return ask_password("password: ", twice=twice) if found is None else found


def find_other_password(file: str | None, command: str | None, location: str) -> str:
    """Return the password of a second repository, which has flags and variables of its own."""
    found = _given_password(file, command, _OTHER)
    return ask_password(f"password of {location}: ", twice=False) if found is None else found


def _given_password(file: str | None, command: str | None, other: str) -> str | None:
    if file is not None:
        return password_from_file(file)
    if command is not None:
        return password_from_command(command)
    for prefix in (f"BKP{other}", f"RESTIC{other}"):
        if (given := os.environ.get(f"{prefix}_PASSWORD")) is not None:
            return _checked(given, f"{prefix}_PASSWORD")
        if path := os.environ.get(f"{prefix}_PASSWORD_FILE"):
            return password_from_file(path)
        if to_run := os.environ.get(f"{prefix}_PASSWORD_COMMAND"):
            return password_from_command(to_run)
    return None


def environment_for_commands() -> dict[str, str]:
    """Return the environment without passwords: what we run has no business with them."""
    return {name: value for name, value in os.environ.items() if name not in _SECRETS}


def password_from_file(path: str) -> str:
    """Return the password in a file, without white space around it; `-` is standard input."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(_SIZE_LIMIT + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(_SIZE_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"cannot read the password file {path}: {error.strerror}") from error
    if len(data) > _SIZE_LIMIT:
        raise UsageError(f"the password file {path} is too large to be one")
    return _checked(_decode(data, path).strip(), f"the file {path}")


def password_from_command(command: str) -> str:
    """Return what a command prints, without white space around it."""
    try:
        result = subprocess.run(
            shlex.split(command),
            stdout=subprocess.PIPE,
            env=environment_for_commands(),
            check=True,
        )
    except (OSError, ValueError, IndexError) as error:
        raise UsageError(f"cannot run the password command: {error}") from error
    except subprocess.CalledProcessError as error:
        raise UsageError(f"the password command failed with exit code {error.returncode}") from None
    return _checked(_decode(result.stdout, "password command").strip(), "the password command")


def ask_password(prompt: str, *, twice: bool) -> str:
    """Ask on the terminal; raises UsageError if there is none."""
    if not sys.stdin.isatty():
        raise UsageError(
            "no password: set BKP_PASSWORD_FILE or give --password-file "
            "(there is no terminal to ask on)"
        )
    password = _checked(getpass.getpass(f"bkp: {prompt}"), "what you typed")
    if twice and getpass.getpass("bkp: the same again: ") != password:
        raise UsageError("the two passwords differ")
    return password


def _decode(data: bytes, source: str) -> str:
    """Decode text as editors write it: UTF-8, or UTF-16 with its mark."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise UsageError(f"the password from {source} is not text") from None


def _checked(password: str, source: str) -> str:
    if not password:
        raise UsageError(f"the password from {source} is empty")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise UsageError(f"the password from {source} is not UTF-8") from None
    return password
