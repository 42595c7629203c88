"""The lock of a folder: one process writes there, whoever else may read.

>>> lock = FolderLock(Path("runs/mine"))
>>> folder = lock.acquire()
>>> lock.release()
"""

import time
from pathlib import Path

from filelock import FileLock, Timeout

from jaxgrok.host.files.lock_holder import Holder
from jaxgrok.host.files.paths import AnyPath, UserPath, as_path

PATIENCE = 1.0
"""Seconds within which one who has a lock has left its name, or given it back."""
POLL = 0.02
"""Seconds between two looks."""


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
        self._note = folder / ".lock.holder"

    def acquire(self) -> Path:
        """Take the lock, and return the folder to write to.

        Raises:
            Held: another process has it.
            OSError: the folder cannot be made or written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._take()
            self._note.write_bytes(Holder.present().to_bytes())
        except OSError:
            self._lock.release()
            raise
        return self._folder

    def look(self) -> None:
        """Raise Held if another process has the lock; leave it as it is."""
        holder = self._holder()
        if holder is None:
            return  # or one that will have left its name when the lock is wanted
        try:
            self._lock.acquire(timeout=0)
            self._lock.release()
        except Timeout:
            raise Held(str(holder)) from None
        except OSError:
            pass  # whoever takes it says what is wrong

    def release(self) -> None:
        """Give the lock back."""
        self._note.unlink(missing_ok=True)
        self._lock.release()

    def _take(self) -> None:
        """Take the lock; Held, once who has it has a name."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self._lock.acquire(timeout=0)
                return
            except Timeout:
                # Without a name: one who only looks, or has the lock since just now.
                holder = self._holder()
                if holder or time.monotonic() > end:
                    raise Held(str(holder or "another process")) from None
            time.sleep(POLL)

    def _holder(self) -> Holder | None:
        """Return who left its name; None if nobody did, or it runs no more."""
        try:
            holder = Holder.from_bytes(self._note.read_bytes())
        except OSError:
            return None
        # One that was killed has left its name behind.
        return None if holder is None or holder.is_gone else holder


def refuse_held(out: UserPath) -> None:
    """Refuse a folder to which another process writes, before anything takes time.

    Of a store of objects, only its lock tells, which takes seconds.

    Raises:
        ValueError: it names the process.
    """
    path = as_path(out)
    if isinstance(path, Path):
        try:
            FolderLock(path.resolve()).look()
        except Held as holder:
            raise in_use(path.resolve(), holder) from None


def in_use(path: AnyPath, holder: Held) -> ValueError:
    """Return the refusal of a folder to which another process writes."""
    return ValueError(
        f"out={path} is held by a running sweep ({holder}); wait for it, or choose "
        "another folder with --out"
    )
