"""Tell Python to look for garbage less often.

Nearly everything bkp lets go of is freed at once, for it has no cycles, but
Python looks through all new objects after every 700 of them: an eighth of the
time of a restore of small files.  What was there from the start, modules and
their functions, is not looked at again.
"""

import gc

_NEW_OBJECTS = 50_000  # some MB, if all of them were garbage


def collect_rarely() -> None:
    """Do so for the rest of this process."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
