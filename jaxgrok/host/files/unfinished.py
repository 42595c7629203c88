"""Names of files that are being written, and what killed processes leave of them.

>>> unfinished(Path("runs/a/cells.csv"))
PosixPath('runs/a/.cells.csv.5d41402a-7.tmp')
>>> remove_abandoned(Path("runs/a"))
"""

import contextlib
import os
import platform
import re
import shutil
import time
import zlib
from pathlib import Path

from jaxgrok.host.files.paths import AnyPath
from jaxgrok.host.processes import is_alive

LONGEST_WRITE = 600.0
"""Seconds in which any file is written."""
_MACHINE = f"{zlib.crc32(platform.node().encode()):08x}"
_NAME = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)\.tmp")
"""Groups: the machine, the process."""


def unfinished(path: Path) -> Path:
    """Return where this process writes what will be a file or folder."""
    # In the same folder: a rename is atomic within one file system alone.
    return path.with_name(f".{path.name}.{_MACHINE}-{os.getpid()}.tmp")


def remove_abandoned(folder: AnyPath) -> None:
    """Remove what nobody writes any more, from a folder and those in it.

    Processes of this machine are asked for; what others write, in a folder that they
    share, counts as abandoned once it is old.
    """
    if not isinstance(folder, Path):
        return  # an object is there as a whole, or not at all
    for path in (*folder.glob(".*.tmp"), *folder.glob("*/.*.tmp")):
        # What cannot be removed stays.
        with contextlib.suppress(OSError):
            if not _is_abandoned(path):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _is_abandoned(path: Path) -> bool:
    """Tell whether a file has such a name, and nobody who writes it."""
    name = _NAME.fullmatch(path.name)
    if name is None:
        return False
    if name[1] == _MACHINE and not is_alive(int(name[2])):
        return True
    # Another machine's, or another process has got the number.
    return time.time() - path.stat().st_mtime > LONGEST_WRITE
