"""Which files a run's results lie in, and what is in each: files.json.

It is written after every shard, and names all of them with their fingerprints: one that
is gone, or that another file has taken the place of, is missed. A shard that is not in
it yet, as of a run that was killed in between, counts as well: a shard is there as a
whole or not at all, and knows the cells it is of. Shards of snapshots, which workers
write, are entered with the next results; they leave it before they are removed.

>>> index = Index(curves={"0179-1.npz": "3f0a..."}, tables={"cells.csv": ["91c2..."]})
>>> write(run_dir, index)
>>> check(run_dir)
"""

import dataclasses
import json
import time
from collections.abc import Iterable

from jaxgrok.host.files import sealed
from jaxgrok.host.files.atomic_files import write_atomically
from jaxgrok.host.files.paths import AnyPath, content_of
from jaxgrok.host.files.typed import record

FILE = "files.json"
WAY_OUT = "the same command checks every file and writes it anew"


@dataclasses.dataclass
class Index:
    """The files of a run's results.

    Attributes:
        curves: shard → its fingerprint.
        tables: table → the digests that it may have: two while it is replaced.
        snapshots: what describes a shard of snapshots → its fingerprint.
    """

    curves: dict[str, str] = dataclasses.field(default_factory=dict)
    tables: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    snapshots: dict[str, str] = dataclasses.field(default_factory=dict)


def write(run_dir: AnyPath, index: Index) -> None:
    """Replace the index of a run directory."""
    write_atomically(run_dir / FILE, sealed.sealed(json.dumps(vars(index))))


def read(run_dir: AnyPath) -> Index | None:
    """Return the index of a run directory, None without one.

    Raises:
        ValueError: it is damaged.
    """
    file = run_dir / FILE
    try:
        return record(Index, sealed.unsealed(content_of(file)))
    except FileNotFoundError:
        return None
    except ValueError:
        raise ValueError(f"{file} is damaged; {WAY_OUT}") from None


def has_table(run_dir: AnyPath, name: str) -> bool:
    """Tell whether a run directory has a table, or had one and lost it.

    Raises:
        ValueError: the index is damaged.
    """
    found = read(run_dir)
    if found is None:  # of before there was one
        return (run_dir / name).exists()
    return name in found.tables


def leave_out(run_dir: AnyPath, index: Index, names: Iterable[str]) -> None:
    """Take shards of snapshots out of an index, before they change or go."""
    known = index.snapshots.keys() & set(names)
    for name in known:
        del index.snapshots[name]
    if known:
        write(run_dir, index)


def table_words(run_dir: AnyPath, name: str) -> str:
    """Say what is wrong with a table, "" if nothing is, or no index knows it.

    Raises:
        ValueError: the index is damaged.
    """
    for attempt in range(3):
        # Before the table: one that is replaced meanwhile is in the next index.
        index = read(run_dir)
        if index is None or name not in index.tables:
            return ""
        try:
            digest = sealed.digest(content_of(run_dir / name))
        except FileNotFoundError:
            digest = ""
        if digest in index.tables[name]:
            return ""
        time.sleep(0.02 * attempt)
    words = "is damaged" if digest else "is missing"
    return f"{run_dir / name} {words}; the same command writes it anew"
