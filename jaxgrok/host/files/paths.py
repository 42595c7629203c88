"""Paths as users write them, on a disk or in a store; values as file names.

All that handles the files of a run directory goes through here, whether they are on a
disk or in a store of objects: reading, lists and removal in this module, writing in
`atomic_files`. `folder_lock` and `object_lock` say who may write.

>>> as_path("~/runs/mine"), as_path("gs://mine/runs/x")
(PosixPath('/home/ada/runs/mine'), ObjectPath('gs://mine/runs/x'))
>>> expanded("--out=~/runs/mine")
'--out=/home/ada/runs/mine'
>>> file_name("operation=x/y,seed=0")
'operation=x%2Fy,seed=0'
"""

import contextlib
import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from jaxgrok.host.files.object_path import ObjectPath, is_url
from jaxgrok.host.files.object_store import PACKAGES

AnyPath = Path | ObjectPath
"""A path on a disk, or in a store of objects."""
UserPath = str | os.PathLike[str] | ObjectPath
"""What users give for one; `as_path` reads it."""
READERS = 16
"""Objects that are read side by side: each is waited for, as no disk is."""
T = TypeVar("T")


def home() -> Path | None:
    """Return the user's home folder; None where it is not known."""
    try:
        folder = Path.home()
    except RuntimeError:  # no HOME, and no entry for the user, as in some containers
        return None
    return folder if folder.is_absolute() else None


def expanded(word: str) -> str:
    """Return a path, or a flag with one, with the home folder for a ~ at its start.

    Shells expand `--out ~/runs` but leave `--out=~/runs` as it is.

    Raises:
        ValueError: the home folder is not known.
    """
    # Groups: 1 the flag, 2 what follows the ~.
    match = re.fullmatch(r"(--?\w+=)?~((?:[/\\].*)?)", word, re.DOTALL)
    if match is None:
        return word
    folder = home()
    if folder is None:
        raise ValueError(f"{word}: the home folder is unknown; set HOME")
    return f"{match[1] or ''}{folder}{match[2]}"


def as_path(path: UserPath) -> AnyPath:
    """Return a path that a user wrote: with a scheme one of objects, else one on disk.

    Raises:
        ValueError: the scheme is unknown, or the home folder is not known.
    """
    if isinstance(path, ObjectPath):
        return path
    # Pathlib has made gs:/ of gs://.
    schemes = "|".join(PACKAGES)
    word = re.sub(rf"^({schemes}):/(?=[^/])", r"\1://", os.fspath(path))
    return ObjectPath(word) if is_url(word) else Path(expanded(word))


@contextlib.contextmanager
def opened(path: AnyPath) -> Iterator[BinaryIO]:
    """Open a file to read bytes, of which only those asked for are fetched.

    Raises:
        OSError: there is none, or it is a pipe or a device, which may never end.
    """
    if isinstance(path, Path):
        # One look: a sweep may remove it between two.
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(path.stat().st_mode):
                raise OSError(errno.EINVAL, "it is no regular file", str(path))
        with open(path, "rb") as file:
            yield file
    else:
        with path.opened() as file:
            yield cast(BinaryIO, file)


def content_of(path: AnyPath) -> bytes:
    """Return all bytes of a file; errors as of `opened`."""
    with opened(path) as file:
        return file.read()


def matches(folder: AnyPath, pattern: str) -> list[AnyPath]:
    """Return the paths below a folder that match a pattern, sorted by their parts."""
    if isinstance(folder, Path):
        return [*sorted(folder.glob(pattern))]
    return [*sorted(folder.glob(pattern), key=lambda path: path.url.split("/"))]


def read_each(read: Callable[[AnyPath], T], paths: Sequence[AnyPath]) -> Iterator[T]:
    """Yield what a function reads of each path, in order."""
    if all(isinstance(path, Path) for path in paths):
        yield from map(read, paths)
        return
    with ThreadPoolExecutor(READERS) as pool:
        yield from pool.map(read, paths)


def set_aside(path: AnyPath) -> AnyPath:
    """Rename a file or folder to NAME.damaged, which nobody reads; return that path."""
    name = f"{path.name}.damaged"
    if isinstance(path, Path):
        folder = path.with_name(name)
        if folder.is_dir():
            remove_tree(folder)
        return path.replace(folder)
    aside = path.with_name(name)
    aside.write_bytes(path.read_bytes())
    path.unlink()
    return aside


def remove_tree(path: AnyPath) -> None:
    """Remove a folder and all below; on a disk, what cannot be removed stays."""
    if isinstance(path, Path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.remove_tree()


def modified(path: AnyPath) -> float:
    """Return when a file was written, in seconds since 1970."""
    return path.stat().st_mtime if isinstance(path, Path) else path.modified()


def size(path: AnyPath) -> int:
    """Return the bytes of a file."""
    return path.stat().st_size if isinstance(path, Path) else path.size()


def free_bytes(folder: AnyPath) -> int | None:
    """Return the bytes that fit on the disk of a folder, which may not exist yet.

    None for a store of objects, and where the system does not tell.
    """
    if not isinstance(folder, Path):
        return None
    for path in (folder, *folder.absolute().parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(path).free
    return None


@contextlib.contextmanager
def on_disk(folder: AnyPath) -> Iterator[Path]:
    """Yield a folder that is on a disk: itself, or a copy for as long as it is used."""
    if isinstance(folder, Path):
        yield folder
        return
    with tempfile.TemporaryDirectory() as copies:
        copy = Path(copies) / folder.name
        folder.copy_to(copy)
        yield copy


def file_name(text: str) -> str:
    """Return a text as the name of one file on any system.

    What separates folders, or no system takes, is written as in addresses: %2F for /.
    """
    return re.sub(r'[\x00-\x1f%/\\:*?"<>|]', lambda m: f"%{ord(m[0]):02X}", text)
