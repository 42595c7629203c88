"""Reads that look again where a file went away beneath them: a sweep was writing.

A sweep that trains replaces files and removes those it has written anew. Who has listed
a folder may therefore find a file of the list gone, and the list has to be made again.

>>> results = second_look(lambda: read_results(run_dir))
"""

import errno
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOKS = 6
"""Reads in all: a sweep removes files a few times in its life, not all the time."""
PAUSE = 0.01
"""Seconds before the second look; each later pause is twice as long."""
_GONE = (errno.ENOENT, errno.ESTALE)
# ESTALE: of a network disk, where the file was open.


class Gone(ValueError):
    """A file that another one names is gone; the text is for the user."""


def second_look(read: Callable[[], T]) -> T:
    """Return what a function reads, once no file of what it listed is gone.

    Raises:
        OSError, Gone: a file is gone still, after so many looks.
    """
    for look in range(LOOKS - 1):
        try:
            return read()
        except Gone:
            pass
        except OSError as error:
            # One of our own making has no number: there is no such run.
            if error.errno not in _GONE:
                raise
        time.sleep(PAUSE * 2**look)
    return read()
