"""What `import bkp` offers: there, typed, documented, and free until it is used."""

import re
import subprocess
import sys
from pathlib import Path

import bkp


def test_every_public_name_is_there_and_says_what_it_does() -> None:
    for name in bkp.__all__:
        assert name == "__version__" or getattr(bkp, name).__doc__, name


def test_the_stub_names_the_same() -> None:
    stub = Path(bkp.__file__).with_suffix(".pyi").read_text()
    named = set(re.findall(r"import (\w+) as \1\n", stub)) | set(re.findall(r"^(\w+):", stub, re.M))

    assert named == {*bkp.__all__, "__all__"}


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys, bkp; print([m for m in sys.modules if 'crypto' in m or m == 'click'])"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert result.stdout.strip() == b"[]"
