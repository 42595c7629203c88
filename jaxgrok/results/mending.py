"""Make a damaged run directory whole: what is damaged is set aside, never deleted.

Only who holds the directory's lock may. What was lost is computed again: cells of a
shard from their saves or anew, lanes from an older save or anew.

>>> lines, index = mend(run_dir)
>>> lines
['curves/0179-1.npz is damaged: set aside as 0179-1.npz.damaged, its cells train again']
"""

from collections.abc import Callable, Iterable
from functools import partial

from jaxgrok.host.files.packed_files import fingerprint
from jaxgrok.host.files.paths import AnyPath, matches, set_aside
from jaxgrok.results.files import (
    final_states,
    manifest_file,
    resume,
    shards,
    snapshot_shards,
)
from jaxgrok.results.files import index as index_file
from jaxgrok.results.files.index import Index

SOON_READ = 1_000_000_000
"""Bytes of snapshots up to which all are read; `jaxgrok verify` reads any number."""


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
    lines_of_curves, index = _mend_curves(run_dir)
    lines += lines_of_curves
    lanes = partial(_set_aside, words="its cells start from an older save or anew")
    lines += _each(matches(run_dir / resume.FOLDER, "[!.]*.npz"), resume.check, lanes)
    states = partial(_set_aside, words="a longer budget starts its cells anew")
    files = matches(run_dir / final_states.FOLDER, "[!.]*.npz")
    lines += _each(files, final_states.check, states)
    files = snapshot_shards.descriptions(run_dir)
    lines += _each(files, snapshot_shards.check_size, _set_shard_aside)
    # Of those that are left, every byte, unless that takes long.
    if _size(run_dir) < SOON_READ:
        files = snapshot_shards.descriptions(run_dir)
        lines += _each(files, snapshot_shards.check_arrays, _set_shard_aside)
    return lines, index


def _size(run_dir: AnyPath) -> int:
    """Return the bytes of all snapshots."""
    shards = snapshot_shards.read_shards(run_dir)
    return sum(shard.n_bytes(kin) for shard in shards for kin in shard.steps)


def _mend_curves(run_dir: AnyPath) -> tuple[list[str], Index]:
    """Set aside damaged shards; an index that is lost is made of those that are whole.

    Returns:
        Lines, and the index as it is on disk now.
    """
    lines, index = [], None
    try:
        index = index_file.read(run_dir)
        fault = "is missing"
    except ValueError:
        fault = f"is damaged: set aside as {set_aside(run_dir / index_file.FILE).name}"
    if index is None:
        lines.append(f"{index_file.FILE} {fault}; made anew of the shards")
    known = index.curves if index else {}
    whole: dict[str, str] = {}

    def check(file: AnyPath) -> None:
        shards.read_shard(file, known)  # which compares the known ones
        whole[file.name] = known.get(file.name) or fingerprint(file)

    aside = partial(_set_aside, words="its cells train again")
    files = shards.shards(run_dir)
    lines += _each(files, check, aside)
    for name in sorted(known.keys() - {file.name for file in files}):
        lines.append(f"{shards.FOLDER}/{name} is missing: its cells train again")
    made = Index(whole, index.tables if index else {})
    if made != index:
        index_file.write(run_dir, made)
    return lines, made


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
    return (
        f"{name} is damaged: set aside as {asides[0].name}, cells that lack snapshots "
        "train again"
    )
