"""Make a damaged run directory whole: what is damaged is set aside, never deleted.

Only who holds the directory's lock may. What was lost is computed again: cells of a
shard from their saves or anew, lanes from an older save or anew.

>>> lines, index = mend(run_dir)
>>> lines
['curves/0179-1.npz is damaged: set aside as 0179-1.npz.damaged, its cells train again']
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from jaxgrok.host.files import checked_files
from jaxgrok.host.files.packed_files import fingerprint
from jaxgrok.host.files.paths import AnyPath, matches, set_aside, size
from jaxgrok.results.files import (
    final_states,
    manifest_file,
    resume,
    shards,
    snapshot_shards,
)
from jaxgrok.results.files import index as index_file
from jaxgrok.results.files.index import Index
from jaxgrok.results.files.snapshot_shards import Shard, read_shard
from jaxgrok.results.rows import CROSSOVER

SOON_READ = 1_000_000_000
"""Bytes of snapshots, and of final states, up to which all are read.

`jaxgrok verify` reads any number.
"""
_AGAIN = "cells that lack snapshots train again"


def mend(run_dir: AnyPath) -> tuple[list[str], Index]:
    """Set aside what is damaged; return a line for each file, and the index.

    A new directory, one of another format, and one whose manifest nobody can read stay
    as they are.
    """
    try:
        is_ours = manifest_file.read(run_dir).get("format") == manifest_file.FORMAT
    except (FileNotFoundError, ValueError):
        is_ours = False
    if not is_ours:
        return [], Index()
    lines = manifest_file.mend(run_dir)
    index = _read_index(run_dir, lines)
    curves = _mend_curves(run_dir, index or Index(), lines)
    snapshots = _mend_snapshots(run_dir, index or Index(), lines)
    tables = _mend_tables(run_dir, index or Index(), lines)
    made = Index(curves, tables, snapshots)
    if made != index:
        index_file.write(run_dir, made)
    lanes = partial(_set_aside, words="its cells start from an older save or anew")
    lines += _each(matches(run_dir / resume.FOLDER, "[!.]*.npz"), resume.check, lanes)
    states = partial(_set_aside, words="a longer budget starts its cells anew")
    files = matches(run_dir / final_states.FOLDER, "[!.]*.npz")
    is_soon = sum(map(size, files)) < SOON_READ
    check = final_states.check_lanes if is_soon else final_states.check
    lines += _each(files, check, states)
    return lines, made


def _read_index(run_dir: AnyPath, lines: list[str]) -> Index | None:
    """Return the index; None, and a line more, where it is lost."""
    try:
        index = index_file.read(run_dir)
        fault = "is missing"
    except ValueError:
        index = None
        fault = f"is damaged: set aside as {set_aside(run_dir / index_file.FILE).name}"
    if index is None:
        lines.append(f"{index_file.FILE} {fault}; made anew of the shards")
    return index


def _mend_curves(run_dir: AnyPath, index: Index, lines: list[str]) -> dict[str, str]:
    """Set aside damaged shards of curves; return the fingerprints of the others."""
    known = index.curves
    whole: dict[str, str] = {}

    def check(file: AnyPath) -> None:
        shards.read_shard(file, known)  # which compares the known ones
        whole[file.name] = known.get(file.name) or fingerprint(file)

    aside = partial(_set_aside, words="its cells train again")
    files = shards.shards(run_dir)
    lines += _each(files, check, aside)
    for name in sorted(known.keys() - {file.name for file in files}):
        lines.append(f"{shards.FOLDER}/{name} is missing: its cells train again")
    return whole


def _mend_snapshots(run_dir: AnyPath, index: Index, lines: list[str]) -> dict[str, str]:
    """Set aside damaged shards of snapshots; the fingerprints of the others."""
    whole: dict[AnyPath, Shard] = {}

    def check(file: AnyPath) -> None:
        shard = read_shard(file)
        shard.check_size()
        if not shard.fits(index.snapshots):
            raise ValueError("it is another shard")
        whole[file] = shard

    def check_arrays(file: AnyPath) -> None:
        shard = whole.pop(file)
        shard.arrays(shard.steps)
        whole[file] = shard

    files = snapshot_shards.descriptions(run_dir)
    lines += _each(files, check, _set_shard_aside)
    # Of those that are left, every byte, unless that takes long.
    sizes = (shard.n_bytes(kin) for shard in whole.values() for kin in shard.steps)
    if sum(sizes) < SOON_READ:
        lines += _each([*whole], check_arrays, _set_shard_aside)
    missing = index.snapshots.keys() - {file.name for file in files}
    lines += [_set_tree_aside(run_dir, name) for name in sorted(missing)]
    return {file.name: shard.fingerprint for file, shard in whole.items()}


def _mend_tables(
    run_dir: AnyPath, index: Index, lines: list[str]
) -> dict[str, list[str]]:
    """Set aside the tables that a sweep only shows; return the digests of the others.

    It writes its own anew.
    """
    tables = dict(index.tables)
    damaged: list[AnyPath] = []
    if CROSSOVER in tables and index_file.table_words(run_dir, CROSSOVER):
        del tables[CROSSOVER]
        damaged.append(run_dir / CROSSOVER)
    damaged += filter(checked_files.fault, checked_files.checked_files(run_dir))
    for file in damaged:
        fault = "is missing"
        if file.exists():
            fault = f"is damaged: set aside as {set_aside(file).name}"
        checked_files.forget(file)
        lines.append(f"{file.name} {fault}; {checked_files.WAY_OUT}")
    return tables


def _each(
    files: Iterable[AnyPath],
    check: Callable[[AnyPath], object],
    aside: Callable[[AnyPath], str],
) -> list[str]:
    """Set aside the files that a check refuses; return the lines."""
    lines = []
    for file in files:
        try:
            check(file)
        except ValueError:
            lines.append(aside(file))
    return lines


def _set_aside(file: AnyPath, words: str) -> str:
    """Set a file aside; return the line."""
    name = f"{file.parent.name}/{file.name}"
    return f"{name} is damaged: set aside as {set_aside(file).name}, {words}"


def _set_shard_aside(file: AnyPath) -> str:
    """Set the description of a shard of snapshots aside, and its tree; the line."""
    name = f"{file.parent.name}/{file.name}"
    asides = [set_aside(path) for path in snapshot_shards.files_of(file)]
    return f"{name} is damaged: set aside as {asides[0].name}, {_AGAIN}"


def _set_tree_aside(run_dir: AnyPath, name: str) -> str:
    """Set the tree aside whose description is missing; return the line."""
    # From the list: a name in a file may lead out of the folder.
    trees = matches(run_dir / snapshot_shards.FOLDER, "[!.]*")
    asides = [
        set_aside(tree).name
        for tree in trees
        if isinstance(tree, Path) and f"{tree.name}.json" == name
    ]
    tree = "".join(f"its arrays set aside as {aside}, " for aside in asides)
    return f"{snapshot_shards.FOLDER}/{name} is missing: {tree}{_AGAIN}"
