"""manifest.json and its copy: a run is not lost with the one file that all begins with.

Both are sealed, and know how often they were written. The copy is written second, so
that it is never newer, unless manifest.json was put back to what it was before.

>>> edition = write(run_dir, '{"format": 2, ...}', edition=3)
>>> read(run_dir)["format"]
2
"""

import re
import time
from typing import Any, NamedTuple

from absl import logging

from jaxgrok.host.files import sealed
from jaxgrok.host.files.atomic_files import write_atomically
from jaxgrok.host.files.object_path import ObjectPath
from jaxgrok.host.files.paths import AnyPath, content_of, set_aside

FILE = "manifest.json"
COPY = "manifest.copy.json"
FORMAT = 2
"""What this version writes; a change that older versions could not read adds one."""
UNSEALED = 1
"""The last format whose manifest had no checksum and no copy."""
_EDITION = re.compile(
    rb',\n "edition": (\d{1,18}),\n "checksum": "[0-9a-f]{32}"\n\}\n\Z'
)
FOREIGN = "is not that of a sweep"
_MOMENT = 0.05
"""Seconds between the two of them, at least while one looks again."""


class Unreadable(ValueError):
    """Neither the manifest nor its copy is whole."""


class NotOurs(ValueError):
    """A manifest.json is of something else."""


class Reading(NamedTuple):
    """One of the two files as it was read.

    Attributes:
        file: its path.
        content: its bytes; empty if it is missing or damaged.
        edition: how often it was written; -1 if it is missing or damaged.
        fault: what is wrong with it.
    """

    file: AnyPath
    content: bytes = b""
    edition: int = -1
    fault: str = ""


def exists(run_dir: AnyPath) -> bool:
    """Tell whether a folder is a run directory: it has a manifest, or its copy."""
    return any((run_dir / name).exists() for name in (FILE, COPY))


def write(run_dir: AnyPath, text: str, edition: int) -> None:
    """Replace both files.

    Args:
        run_dir: where they lie.
        text: an object in JSON.
        edition: larger than that of what is there.
    """
    body = text.rstrip().removesuffix("}").rstrip()
    content = sealed.sealed(f'{body},\n "edition": {edition}\n}}')
    for name in (FILE, COPY):
        write_atomically(run_dir / name, content)


def readings(run_dir: AnyPath) -> tuple[Reading, Reading]:
    """Return both files as they are; of a directory of format 1 the copy is missing."""
    first, copy = _reading(run_dir / FILE), _reading(run_dir / COPY)
    if copy.edition > first.edition >= 0:
        # Both were replaced after the first was read, or the first was put back.
        time.sleep(_MOMENT)
        first, copy = _reading(run_dir / FILE), _reading(run_dir / COPY)
        if copy.edition > first.edition >= 0:
            first = first._replace(fault="is older than its copy")
    elif first.edition > copy.edition >= 0:
        # A kill in between leaves this too, and costs nothing.
        copy = copy._replace(fault=f"is older than {FILE}")
    return first, copy


def read(run_dir: AnyPath) -> dict[str, Any]:
    """Return what the manifest of a run directory says: the newest that is whole.

    Raises:
        FileNotFoundError: there is none.
        Unreadable: neither the manifest nor its copy is whole.
    """
    if not exists(run_dir):
        if isinstance(run_dir, ObjectPath):
            run_dir.refuse_missing_bucket()
        raise FileNotFoundError(f"{run_dir} is not a run directory: it has no {FILE}")
    first, copy = readings(run_dir)
    best = max(first, copy, key=lambda reading: reading.edition)
    if best.edition < 0:
        kind = NotOurs if first.fault == FOREIGN else Unreadable
        raise kind(f"{first.file} {first.fault}; choose another folder")
    if first.fault:
        logging.warning("%s %s; %s counts", first.file, first.fault, COPY)
    try:
        entries = sealed.parsed(best.content)
    except ValueError as error:
        raise Unreadable(f"{best.file} is not JSON ({error})") from None
    for key in (sealed.KEY, "edition"):
        entries.pop(key, None)
    return {str(key): value for key, value in entries.items()}


def edition(run_dir: AnyPath) -> int:
    """Return how often the manifest of a run directory was written."""
    return max(0, *(reading.edition for reading in readings(run_dir)))


def mend(run_dir: AnyPath) -> list[str]:
    """Put the newest that is whole in the place of the other; say what was wrong."""
    if not exists(run_dir):
        return []
    pair = readings(run_dir)
    best = max(pair, key=lambda reading: reading.edition)
    if best.edition <= 0:  # nothing is whole, or it is of format 1
        return []
    lines = []
    for reading in pair:
        if not reading.fault:
            continue
        # An older one that is whole is in no need of being kept.
        if reading.edition < 0 and reading.file.exists():
            set_aside(reading.file)
        write_atomically(reading.file, best.content)
        if reading.file.name == FILE or reading.edition < 0:
            lines.append(f"{reading.file} {reading.fault}; {best.file.name} counts")
    return lines


def _reading(file: AnyPath) -> Reading:
    """Read one of the two files."""
    try:
        content = content_of(file)
    except FileNotFoundError:
        return Reading(file, fault="is missing")
    match = _EDITION.search(content, max(0, len(content) - 120))
    try:
        if match is not None:
            sealed.check(content)
            return Reading(file, content, int(match[1]))
        return _unsealed(file, content)
    except ValueError as error:
        return Reading(file, fault=f"is damaged ({error})")


def _unsealed(file: AnyPath, content: bytes) -> Reading:
    """Read a manifest of format 1; anything else has lost its checksum."""
    try:
        entries = sealed.parsed(content)
    except ValueError as error:
        return Reading(file, fault=f"is not JSON ({error})")
    if not isinstance(entries, dict) or "format" not in entries:
        return Reading(file, fault=FOREIGN)
    # What later versions do is theirs to say.
    is_ours = entries["format"] in range(UNSEALED + 1, FORMAT + 1)
    if is_ours or sealed.KEY in entries:
        raise ValueError("it has no checksum")
    return Reading(file, content, 0)
