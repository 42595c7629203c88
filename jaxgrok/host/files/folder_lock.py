"""The lock of a folder: one process writes there, whoever else may read.

>>> lock = FolderLock(Path("runs/mine"))
>>> folder = lock.acquire()
>>> lock.release()
"""

import os
from pathlib import Path

from filelock import FileLock, Timeout


class Held(Exception):
    """Another process holds the folder; its text says which."""


class FolderLock:
    """The lock of a folder on a disk, which the system drops with the process.

    Args:
        folder: made on acquiring.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / ".lock")
        # For people: the lock itself does not say whose it is.
        self._holder = folder / ".lock.holder"

    def acquire(self) -> Path:
        """Take the lock, and return the folder to write to.

        Raises:
            Held: another process has it.
            OSError: the folder cannot be made or written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._holder.write_bytes(b"process %d" % os.getpid())
        except Timeout:
            holder = "another process"
            if self._holder.exists():
                holder = self._holder.read_bytes().decode()
            raise Held(holder) from None
        except OSError:
            self._lock.release()
            raise
        return self._folder

    def release(self) -> None:
        """Give the lock back."""
        self._holder.unlink(missing_ok=True)
        self._lock.release()
