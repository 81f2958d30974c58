"""`python -m bkp` is `bkp`."""

from bkp.cli.main import main

main()
