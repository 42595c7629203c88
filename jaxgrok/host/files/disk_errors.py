"""What a disk refuses, in one line with the way out.

>>> with naming(Path("runs/a/cells.csv")):
...     os.fsync(file.fileno())
>>> in_words(error)
'runs/a/cells.csv cannot be written (No space left on device); free space there'
"""

import contextlib
import errno
from collections.abc import Iterator

from jaxgrok.host.files.object_store import StoreError
from jaxgrok.host.files.paths import AnyPath

WAYS_OUT = {
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "free space there, or ask for a larger quota",
    errno.EIO: "the disk may be failing, so copy what it holds to another",
    errno.EROFS: "the disk can only be read, so mount it for writing",
}
"""What disks say as they refuse, a number of `errno`, and what the user can do."""


def way_out(error: BaseException) -> str:
    """Return what to do about a disk that refuses, "" for any other error."""
    # A store of objects has words of its own.
    if not isinstance(error, OSError) or isinstance(error, StoreError):
        return ""
    return WAYS_OUT.get(error.errno or 0, "")


def in_words(error: Exception) -> str:
    """Return an error as one line."""
    advice = way_out(error)
    if not advice or not isinstance(error, OSError):
        return " ".join(str(error).split())
    file = error.filename or "a file"
    # Only this one comes of reading as well.
    done = "read or written" if error.errno == errno.EIO else "written"
    return f"{file} cannot be {done} ({error.strerror}); {advice}"


@contextlib.contextmanager
def naming(path: AnyPath) -> Iterator[None]:
    """Name a path in such errors: the system names temporary files, or none."""
    try:
        yield
    except OSError as error:
        if way_out(error):
            error.filename = str(path)
        raise
