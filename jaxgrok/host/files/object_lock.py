"""The lock of a folder in a store of objects, which no system drops with the process.

Objects are numbered below .locks/. Who creates the next number, which the store lets
one do, has the lock while there is no higher one. The holder writes its object again
and again; one that has been silent for a minute is replaced, by the next number. Before
it writes anything later, it finds that number, and stops.

>>> lock = ObjectLock(ObjectPath("gs://mine/runs/x"))
>>> folder = lock.acquire()                  # its writes check the lock
>>> lock.release()
"""

import contextlib
import dataclasses
import errno
import json
import logging
import threading
import time
import uuid
from typing import Any

from jaxgrok.host.files.folder_lock import Held
from jaxgrok.host.files.lock_holder import Holder
from jaxgrok.host.files.object_path import ObjectPath
from jaxgrok.host.files.object_store import StoreError

BEAT = 5.0
"""Seconds between two signs of life of a holder."""
SILENT = 60.0
"""Seconds without one after which another may take the lock."""
MARGIN = 5.0
"""Seconds before the end of those within which the holder itself ends its writes."""
LOOK = 1.0
"""Seconds between two looks at the holder whose lock is wanted."""


class LockLost(OSError):
    """The lock is another process's now; nothing more may be written."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class ObjectLock:
    """The lock of a folder in a store.

    Args:
        folder: which need not hold anything.
    """

    def __init__(self, folder: ObjectPath) -> None:
        self._folder = folder
        self._entry: dict[str, Any] = {
            "holder": str(Holder.present()),
            # A number may come again where somebody emptied the folder.
            "nonce": uuid.uuid4().hex,
        }
        self._own: ObjectPath | None = None
        self._beaten = 0.0
        """When it was last written, or just before, by `time.monotonic`."""
        self._has_spoken = False
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def acquire(self) -> ObjectPath:
        """Take the lock; return the folder, whose writes check first that it is ours.

        Waits for at most a minute where nobody knows whether the holder is alive.

        Raises:
            Held: another process has it.
            OSError: the store refuses, or lets several create one object.
        """
        number = self._free_number()
        own = self._locks / f"{number:08d}"
        self._beaten = time.monotonic()
        try:
            own.create(self._text())
        except OSError as error:
            entry = self._read(own)
            # Where its own reply was lost on the way, the object is there all the same.
            if entry != self._entry:
                if isinstance(error, FileExistsError) or own.exists():
                    raise Held(entry["holder"]) from None
                raise
        self._own = own
        self._refuse_careless_store(own)
        for path in self._locks.iterdir():
            if path.name.isdecimal() and int(path.name) < number:
                path.unlink(missing_ok=True)
        self._heart.start()
        return dataclasses.replace(self._folder, check=self.check)

    def check(self) -> float:
        """Return until when the lock is surely ours, by `time.monotonic`.

        Raises:
            LockLost: it is no longer.
        """
        if self._own is None:
            raise self._lost("its lock was given back")
        latest = self._latest()
        if latest is None:
            raise self._lost("its lock was removed")
        entry = self._read(latest)
        if latest != self._own or entry != self._entry:
            raise self._lost(
                f"{entry['holder']} has taken over its lock, as this process was "
                f"silent for {SILENT:.0f} s"
            )
        if time.monotonic() > self._beaten + SILENT / 2:
            self._write()
        return self._beaten + SILENT - MARGIN

    def _write(self) -> None:
        """Write the lock again: nobody takes it for a minute from now on."""
        assert self._own is not None
        now = time.monotonic()
        self._own.write_bytes(self._text())
        self._beaten = now

    def release(self) -> None:
        """Give the lock back, if it is still ours."""
        self._ended.set()
        if self._heart.is_alive():
            # Its last beat must not undo what is written below.
            self._heart.join(SILENT)
        # Out of reach, it is free once a minute has passed.
        with contextlib.suppress(OSError):
            self.check()
            assert self._own is not None
            # Not removed: the number would come again, and an old holder take it for
            # its own.
            self._own.write_bytes(self._text(released=True))
        self._own = None

    @property
    def _locks(self) -> ObjectPath:
        """The folder of the numbers."""
        return self._folder / ".locks"

    def _text(self, **entries: bool) -> bytes:
        """Return the contents of a lock."""
        return json.dumps(self._entry | entries).encode()

    def _lost(self, reason: str) -> LockLost:
        """Return the error of a lock that is no longer ours."""
        return LockLost(errno.EBUSY, reason, str(self._folder))

    def _latest(self) -> ObjectPath | None:
        """Return the highest number, None without any."""
        numbers = [path for path in self._locks.iterdir() if path.name.isdecimal()]
        return max(numbers, key=lambda path: int(path.name), default=None)

    def _read(self, path: ObjectPath) -> dict[str, Any]:
        """Return what a number says; whatever cannot be read is somebody's too."""
        try:
            entry = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            entry = None
        is_lock = isinstance(entry, dict) and "holder" in entry
        return entry if is_lock else {"holder": "another process"}

    def _free_number(self) -> int:
        """Return the number to create, once the latest holder is done or silent."""
        first = None
        while latest := self._latest():
            entry = self._read(latest)
            if entry.get("released"):
                return int(latest.name) + 1
            try:
                beat = latest.modified()
            except FileNotFoundError:  # the next holder has tidied up
                continue
            if first is None:
                # By the store's clock: those of two machines may differ by minutes.
                start, first = self._now() - time.monotonic(), (latest, beat)
            silence = start + time.monotonic() - beat
            if silence >= SILENT:
                return int(latest.name) + 1
            if (latest, beat) != first:
                raise Held(entry["holder"])
            self._say_once(entry["holder"], SILENT - silence)
            time.sleep(LOOK)
        return 1

    def _say_once(self, holder: str, seconds: float) -> None:
        """Say for whom one waits."""
        if not self._has_spoken:
            self._has_spoken = True
            logging.getLogger("jaxgrok").warning(
                "out=%s is locked by %s; waiting %.0f s for a sign of it",
                self._folder,
                holder,
                seconds,
            )

    def _now(self) -> float:
        """Return the time by the store's clock: of an object that is written now."""
        probe = self._locks / f"now-{self._entry['nonce']}"
        probe.write_bytes(b"")
        now = probe.modified()
        probe.unlink(missing_ok=True)
        return now

    def _refuse_careless_store(self, own: ObjectPath) -> None:
        """Raise OSError if the store creates what is there: it would let two in."""
        try:
            own.create(self._text())
        except FileExistsError:
            return
        reason = "the store ignores If-None-Match: two sweeps could hold one directory"
        raise StoreError(errno.ENOTSUP, reason, str(self._folder))

    def _beat(self) -> None:
        """Show every few seconds that this process is alive, while the lock is ours."""
        while not self._ended.wait(BEAT):
            try:
                self.check()
                self._write()
            except LockLost:
                return  # the next write says so
            except OSError:
                continue  # out of reach for now
