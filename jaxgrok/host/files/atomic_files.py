"""Write files that are complete or absent, never half written.

On a disk they get their name once they are written; a store of objects has no others.

>>> write_atomically(Path("manifest.json"), data)
>>> write_atomically(Path("cells.csv"), as_table(["cell", "phase"], rows))
"""

import contextlib
import csv
import io
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from jaxgrok.host.files.disk_errors import naming
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.host.files.unfinished import unfinished

_numbers = itertools.count()
# New files of this process, for names that differ when the clock does not.


def new_name() -> str:
    """Return a name that no other file has; names sort in the order of writing."""
    return f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers)}"


@contextlib.contextmanager
def atomic_path(path: AnyPath) -> Iterator[Path]:
    """Give a temporary name on a disk to write to; rename the file once it is written.

    Args:
        path: the file; an old one is replaced. An object is sent in the end.
    """
    if not isinstance(path, Path):
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / path.name
            yield temporary
            path.write_bytes(temporary.read_bytes())
        return
    temporary = unfinished(path)
    with naming(path):
        try:
            yield temporary
            os.replace(temporary, path)
        except BaseException:
            # A disk that fails may refuse this too.
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def atomic_file(path: AnyPath, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file under a temporary name; fsync and rename it once it is written.

    Args:
        path: the file; an old one is replaced.
        private: whether only its user may read it.

    Raises:
        OSError: if the disk refuses; the temporary file is removed.
    """
    if not isinstance(path, Path):
        buffer = io.BytesIO()
        yield buffer
        path.write_bytes(buffer.getvalue())
        return

    def private_opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    with (
        atomic_path(path) as temporary,
        open(temporary, "wb", opener=private_opener if private else None) as file,
    ):
        yield file
        file.flush()
        os.fsync(file.fileno())
    # The rename itself is only durable once the folder's entry is on disk. Windows
    # opens no folders.
    if not hasattr(os, "O_DIRECTORY"):
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def atomic_folder(path: AnyPath) -> Iterator[Path]:
    """Give a temporary name on a disk for a folder; rename it once it is filled.

    Args:
        path: the folder; an old one must be empty. Its objects are sent in the end.
    """
    if not isinstance(path, Path):
        with tempfile.TemporaryDirectory() as parent:
            temporary = Path(parent) / path.name
            yield temporary
            path.copy_from(temporary)
        return
    temporary = unfinished(path)
    try:
        with naming(path):
            yield temporary
            if path.exists():
                path.rmdir()
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_writable(folder: AnyPath) -> None:
    """Raise ValueError unless a folder can be written to, or made; make nothing."""
    if not isinstance(folder, Path):
        folder.refuse_missing_bucket()
        return
    for path in (folder, *folder.absolute().parents):
        if not path.exists():
            continue
        if not path.is_dir():
            raise ValueError(f"{folder} cannot be written: {path} is not a folder")
        if not os.access(path, os.W_OK | os.X_OK):
            raise ValueError(f"{folder} cannot be written: {path} does not permit it")
        return


def write_atomically(path: AnyPath, data: bytes, *, private: bool = False) -> None:
    """Write a file of these bytes; see `atomic_file`."""
    with atomic_file(path, private=private) as file:
        file.write(data)


def as_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as a CSV file.

    Args:
        columns: the keys of a row to write, in this order; other keys are left out.
        rows: one mapping a line; None is written as an empty value.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    # No DictWriter: it takes twice as long, and a table may have a million rows.
    writer.writerows([row[name] for name in columns] for row in rows)
    return buffer.getvalue().encode()
