"""Files with their checksum beside them, in NAME.b2: what an analysis leaves.

They have no index: who analyses a run does not hold its lock. `b2sum -c NAME.b2` checks
them too. A file without a checksum beside it, as one made by hand, counts as it is.

>>> write_table(Path("circuits.csv"), ["cell", "sparse"], rows)
>>> read(Path("circuits.csv"))
b'cell,sparse...'
"""

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxgrok.host.files.atomic_files import as_table, write_atomically
from jaxgrok.host.files.paths import AnyPath, content_of, matches
from jaxgrok.host.files.sealed import digest

SUFFIX = ".b2"
WAY_OUT = "the command that made it makes it anew"
PLACES = ("", "heads/", "circuits/*/")
"""Where in a run directory such files lie."""


def write(path: AnyPath, content: bytes) -> None:
    """Write a file, and its checksum beside it, each whole or not at all."""
    # One without a checksum counts, one with that of another does not.
    _beside(path).unlink(missing_ok=True)
    write_atomically(path, content)
    write_atomically(_beside(path), f"{digest(content)}  {path.name}\n".encode())


def write_table(
    path: AnyPath, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Write rows as a CSV file and its checksum; see `as_table`."""
    write(path, as_table(columns, rows))


def read(path: AnyPath) -> bytes:
    """Return the bytes of a file.

    Raises:
        OSError: there is none.
        ValueError: it is damaged.
    """
    for look in range(3):
        # One that is written anew meanwhile has no checksum at first.
        time.sleep(0.02 * look)
        words, content = _checksum(path), content_of(path)
        if words in ("", digest(content)):
            return content
    raise ValueError(f"{path} is damaged; {WAY_OUT}")


def fault(path: AnyPath) -> str:
    """Return what is wrong with a file that has a checksum; "" if nothing is."""
    try:
        read(path)
    except FileNotFoundError:
        return f"is missing; {WAY_OUT}"
    except ValueError:
        return f"is damaged; {WAY_OUT}"
    return ""


def checked_files(run_dir: AnyPath) -> list[AnyPath]:
    """Return the files of a run directory that have a checksum beside them."""
    sums = [file for place in PLACES for file in matches(run_dir, f"{place}*{SUFFIX}")]
    return [file.with_name(file.name.removesuffix(SUFFIX)) for file in sums]


def forget(path: AnyPath) -> None:
    """Remove the checksum of a file that is gone."""
    _beside(path).unlink(missing_ok=True)


def _beside(path: AnyPath) -> AnyPath:
    """Return where the checksum of a file lies."""
    return path.with_name(path.name + SUFFIX)


def _checksum(path: AnyPath) -> str:
    """Return the checksum beside a file; "" without one."""
    with contextlib.suppress(FileNotFoundError):
        words = content_of(_beside(path)).decode("utf-8", "replace").split()
        return words[0] if words else "none"
    return ""
