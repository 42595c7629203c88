"""Paths of objects, gs://bucket/x and s3://bucket/x: what runs need of pathlib's.

An object is written whole or not at all. There are no folders: one "exists" while an
object lies below it.

>>> path = ObjectPath("gs://mine/runs/x") / "manifest.json"
>>> path.write_bytes(b"{}")
"""

import contextlib
import dataclasses
import errno
import fnmatch
import io
import math
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from jaxgrok.host.files.object_store import PACKAGES, StoreError, access, change

LARGE = 8_000_000
"""Bytes of an object that may take longer to be written than a lock is surely ours."""
PART_BYTES = 2_000_000
"""Bytes of one request, where an object is read in parts."""


_creating = threading.Lock()


def is_url(text: str) -> bool:
    """Tell whether a path has a scheme. (One letter would be a drive of Windows.)"""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) is not None


def _allow() -> float:
    """Allow every change, for ever."""
    return math.inf


@dataclasses.dataclass(frozen=True, order=True)
class ObjectPath:
    """The path of an object, or of all objects below it.

    Attributes:
        url: with its scheme, without a slash at its end.
        check: called before every write and removal, here and of what lies below; it
            raises an OSError where there must be none any more, and returns until when
            there may be, by `time.monotonic`.

    Raises:
        ValueError: the scheme is unknown, or there is no bucket.
    """

    url: str
    check: Callable[[], float] = dataclasses.field(
        default=_allow, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        scheme, _, key = self.url.partition("://")
        if scheme not in PACKAGES:
            raise ValueError(
                f"{self.url}: {scheme}:// is unknown; choose gs:// or s3://, or a "
                "folder of this machine"
            )
        parts = [part for part in key.split("/") if part]
        if not parts:
            raise ValueError(f"{self.url} has no bucket; write {scheme}://BUCKET/NAME")
        object.__setattr__(self, "url", f"{scheme}://{'/'.join(parts)}")

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> "ObjectPath":
        return dataclasses.replace(self, url=f"{self.url}/{name}")

    @property
    def scheme(self) -> str:
        """What precedes ://."""
        return self.url.partition("://")[0]

    @property
    def _key(self) -> PurePosixPath:
        """What follows it: the bucket, and the name of the object in it."""
        return PurePosixPath(self.url.partition("://")[2])

    @property
    def bucket(self) -> str:
        """The bucket."""
        return self._key.parts[0]

    @property
    def name(self) -> str:
        """What follows the last slash."""
        return self._key.name

    @property
    def stem(self) -> str:
        """Its name without the suffix."""
        return self._key.stem

    @property
    def suffix(self) -> str:
        """The end of its name, from the last dot on."""
        return self._key.suffix

    @property
    def parent(self) -> "ObjectPath":
        """The path up to the last slash; a bucket's is itself."""
        parent = self._key.parent if len(self._key.parts) > 1 else self._key
        return self._at(parent)

    def with_name(self, name: str) -> "ObjectPath":
        """Return a path beside this one."""
        return self._at(self._key.with_name(name))

    def with_suffix(self, suffix: str) -> "ObjectPath":
        """Return the path with another end of its name."""
        return self._at(self._key.with_suffix(suffix))

    def _at(self, key: PurePosixPath) -> "ObjectPath":
        """Return another path of this store, with the same check."""
        return dataclasses.replace(self, url=f"{self.scheme}://{key}")

    def resolve(self) -> "ObjectPath":
        """Return itself: it depends on no working directory."""
        return self

    def exists(self) -> bool:
        """Tell whether it is an object, or objects lie below it."""
        return self._kind() != ""

    def is_dir(self) -> bool:
        """Tell whether objects lie below it."""
        return self._kind() == "directory"

    def _kind(self) -> str:
        """Return "file", "directory", or "" for nothing."""
        # Not the store's own `exists`: it is False where credentials are missing.
        try:
            with access(self.url) as store:
                return str(store.info(str(self._key))["type"])
        except FileNotFoundError:
            return ""

    def iterdir(self) -> Iterator["ObjectPath"]:
        """Yield the paths one level below; none where there is nothing."""
        entries = []
        with contextlib.suppress(FileNotFoundError), access(self.url) as store:
            entries = store.ls(str(self._key), detail=False)
        for entry in entries:
            path = self / entry.rstrip("/").rpartition("/")[2]
            # Some tools leave an empty object in place of a folder.
            if entry.strip("/") != str(self._key):
                yield path

    def glob(self, pattern: str) -> Iterator["ObjectPath"]:
        """Yield the paths below whose names match, one part of the pattern a level."""
        first, _, below = pattern.partition("/")
        for path in self.iterdir():
            if fnmatch.fnmatchcase(path.name, first):
                yield from path.glob(below) if below else [path]

    def modified(self) -> float:
        """Return when the object was written, in seconds, by the store's clock."""
        with access(self.url) as store:
            return float(store.modified(str(self._key)).timestamp())

    def read_bytes(self) -> bytes:
        """Return the object."""
        with access(self.url) as store:
            return bytes(store.cat_file(str(self._key)))

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the object as text."""
        return self.read_bytes().decode(encoding, errors)

    def opened(self) -> io.BufferedIOBase:
        """Open the object, to read parts of it; a small one is read at once."""
        size = self.size()
        if size <= PART_BYTES:
            return io.BytesIO(self.read_bytes())
        return io.BufferedReader(_Parts(self, size), PART_BYTES)

    def part(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to before `end`."""
        with access(self.url) as store:
            # By name: in between, s3fs has an argument of its own.
            return bytes(store.cat_file(str(self._key), start=start, end=end))

    def size(self) -> int:
        """Return the bytes of the object."""
        with access(self.url) as store:
            return int(store.info(str(self._key))["size"])

    def copy_to(self, folder: Path) -> None:
        """Copy what lies below into a folder of this machine."""
        with access(self.url) as store:
            store.get(f"{self._key}/", f"{folder}/", recursive=True)

    def copy_from(self, folder: Path) -> None:
        """Write the files of a folder of this machine as objects below it."""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                part = self / file.relative_to(folder).as_posix()
                part.write_bytes(file.read_bytes())

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: writing an object makes all folders there are."""

    def write_bytes(self, data: bytes) -> None:
        """Write the object, in place of an old one."""
        with self._in_bucket():
            check = self.check if len(data) < LARGE else self._check_once
            change(self.url, check, "pipe_file", str(self._key), data)

    def _check_once(self) -> float:
        """Check, and allow what takes long: of a name of its own, or written again."""
        self.check()
        return math.inf

    def create(self, data: bytes) -> None:
        """Write the object if there is none: of several who try, one succeeds.

        Raises:
            FileExistsError: there is one.
        """
        # What is in memory is looked for and written in two steps.
        with _creating, self._in_bucket():
            key = str(self._key)
            change(self.url, self.check, "pipe_file", key, data, mode="create")

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object. Of one that is missing not every store says so."""
        try:
            change(self.url, self.check, "rm_file", str(self._key))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def remove_tree(self) -> None:
        """Remove all objects below it."""
        with contextlib.suppress(FileNotFoundError):
            change(self.url, self.check, "rm", str(self._key), recursive=True)

    def refuse_missing_bucket(self) -> None:
        """Raise OSError if there is no such bucket."""
        if self.scheme == "memory":
            return
        try:
            with self._in_bucket(), access(self.url) as store:
                store.info(self.bucket)
        except StoreError as error:
            # What lies in a bucket may be read without the right to look at itself.
            if error.errno == errno.ENOENT:
                raise

    @contextlib.contextmanager
    def _in_bucket(self) -> Iterator[None]:
        """Name the bucket in errors: it is what a write does not find."""
        try:
            yield
        except FileNotFoundError:
            reason = f"there is no bucket {self.bucket}; make it first"
            raise StoreError(errno.ENOENT, reason, self.url) from None


class _Parts(io.RawIOBase):
    """An object as a file that is read in parts."""

    def __init__(self, path: ObjectPath, size: int) -> None:
        self._path, self._place, self._size = path, 0, size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}
        self._place = max(start[whence] + offset, 0)
        return self._place

    def readinto(self, buffer: Any) -> int:
        end = min(self._place + len(buffer), self._size)
        if end <= self._place:
            return 0
        data = self._path.part(self._place, end)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)
