"""Which grids a run directory fits, and what they take over from it.

>>> adopted = adopt(directory, grid, describe(grid), index.every())
>>> directory.write_manifest(adopted.manifest)
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jaxgrok.grid.cells import Cell, Grid
from jaxgrok.host import machine
from jaxgrok.host.files.paths import AnyPath, remove_tree
from jaxgrok.results.estate import Estate, estate_of
from jaxgrok.results.files import index
from jaxgrok.results.files.manifest import GroupInfo, Manifest
from jaxgrok.results.files.manifest_file import FORMAT
from jaxgrok.results.files.shards import Result
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.results.wanted_snapshots import SnapshotSteps, lacking

_OF_TRAINING = (
    "bits",
    "versions",
    "commit",
    "begun",
    "ended",
    "command",
    "xla_flags",
)
"""Entries of a manifest that a run which trains nothing leaves as they are."""


@dataclasses.dataclass(frozen=True)
class Adopted:
    """What a grid takes over from a run directory.

    Attributes:
        manifest: the one to write. Where nothing is left to train, it keeps the
            versions, the times and the command of the training.
        results: those that the directory has of these cells, by cell id. Failed ones
            are among them, and count as none.
        heirs: old cell → the cells that are the same training with a longer budget.
        again: cells with a result whose snapshots are wanted but absent.
        elsewhere: whether the directory was computed where bits differ.
        notes: lines that the user should read.
        curves: whether the results have their curves.
    """

    manifest: Manifest
    results: Mapping[str, Result] = dataclasses.field(default_factory=dict)
    heirs: Mapping[str, Sequence[Cell]] = dataclasses.field(default_factory=dict)
    again: frozenset[str] = frozenset()
    elsewhere: bool = False
    notes: tuple[str, ...] = ()
    curves: bool = True


def adopt(
    directory: RunDirectory,
    grid: Grid,
    manifest: Manifest,
    snapshot_steps: SnapshotSteps,
    *,
    mixed_bits: bool = False,
) -> Adopted:
    """Take over a run directory for a grid.

    Args:
        directory: locked; may be new.
        grid: what to train.
        manifest: its manifest.
        snapshot_steps: of the snapshots that there are, by kin.
        mixed_bits: go on where results differ in their last bits.

    Raises:
        ValueError: the directory does not fit the grid.
    """
    old = directory.manifest()
    if old is None:
        return Adopted(manifest)
    _check_format(directory.path, old)
    estate = estate_of(directory, old, grid)
    manifest = _continued(manifest, old)
    if estate.is_empty:
        return _take_over(directory, estate, manifest, mixed_bits=mixed_bits)
    _check_cells(estate, manifest)
    inherited, stored = estate.inherited(), estate.results
    results = {cell.id: stored[cell.id] for cell in grid.cells if cell.id in stored}
    results |= {result.cell_id: result for result in inherited}
    again = lacking(grid, manifest, results, snapshot_steps)
    finished = {cell_id for cell_id, r in results.items() if r.status != "failed"}
    pending = {cell.id for cell in grid.cells} - finished | again
    elsewhere = bool(pending and _differences(old, manifest))
    if not pending:
        manifest = _as_trained(manifest, old)
    elif elsewhere and not mixed_bits:
        raise ValueError(_refusal(directory.path, old, manifest))
    # Before the manifest that names these cells: a kill in between leaves a shard of
    # cells that the old manifest does not know, and that no reader looks up.
    if inherited:
        directory.write_results(inherited)
    estate.forget_ends(grid, directory.index)
    notes = [_mixture(old, manifest)] if elsewhere else []
    if again:
        notes.append(_repetition(grid, results, again))
    return Adopted(
        manifest, results, estate.heirs, again, elsewhere, tuple(notes), estate.curves
    )


def _continued(manifest: Manifest, old: Manifest) -> Manifest:
    """Return a manifest with what the run has been through so far."""
    return dataclasses.replace(
        manifest,
        usage=old.usage,
        begun=old.begun or manifest.begun,
        groups=tuple(_with_shortages(manifest, old)),
    )


def _with_shortages(manifest: Manifest, old: Manifest) -> Iterator[GroupInfo]:
    """Yield the groups, with what is known of the memory that their cells found."""
    short = {c: group.short for group in old.groups if group.short for c in group.cells}
    for group in manifest.groups:
        words = next((short[cell] for cell in group.cells if cell in short), "")
        yield dataclasses.replace(group, short=words)


def _as_trained(manifest: Manifest, old: Manifest) -> Manifest:
    """Return a manifest with the facts of the training that is over."""
    # Results of two machines cannot meet where nothing is left to train.
    training = {name: getattr(old, name) for name in _OF_TRAINING}
    return dataclasses.replace(manifest, **training)


def _check_format(path: AnyPath, old: Manifest) -> None:
    """Refuse to write into a directory of another format."""
    if old.format != FORMAT:
        raise ValueError(
            f"out={path} has format {old.format}, of jaxgrok "
            f"{old.versions.get('jaxgrok')}, and this one writes format {FORMAT}: go "
            "on with that version, or use another --out"
        )


def _take_over(
    directory: RunDirectory, estate: Estate, manifest: Manifest, *, mixed_bits: bool
) -> Adopted:
    """Take over a directory that has no result: it pins nothing."""
    path, old = estate.path, estate.manifest
    elsewhere = bool(_differences(old, manifest))
    notes = []
    if elsewhere and not mixed_bits:
        # What the cells in flight left is of another arithmetic.
        folders = [path / name for name in ("checkpoints", "resume", "final_states")]
        if any(folder.exists() for folder in folders):
            notes.append(f"{_words(old, manifest)}: its cells in flight start anew")
        index.leave_out(path, directory.index, [*directory.index.snapshots])
        for folder in folders:
            remove_tree(folder)
    return Adopted(manifest, {}, estate.heirs, frozenset(), elsewhere, tuple(notes))


def _check_cells(estate: Estate, manifest: Manifest) -> None:
    """Refuse a grid that drops an old cell, with any budget from its own on."""
    heirs, old = estate.heirs, estate.manifest
    for cell in old.cells:
        if cell.id in heirs and not heirs[cell.id]:
            raise ValueError(_difference(estate.path, old, manifest, cell))


def _repetition(grid: Grid, results: Mapping[str, Result], again: Iterable[str]) -> str:
    """Say which cells are trained again for their snapshots, and how long they are."""
    lengths = [int(results[cell_id].curve("step")[-1]) for cell_id in again]
    cells = (
        "1 finished cell lacks"
        if len(lengths) == 1
        else (f"{len(lengths):,} finished cells lack")
    )
    return (
        f"{cells} snapshots that snapshots={grid.config['snapshots']!r} asks for: "
        f"trained again, to the same bits, {sum(lengths):,} steps in all"
    )


def _differences(old: Manifest, new: Manifest) -> dict[str, tuple[Any, Any]]:
    """Return what decides last bits and differs: name → (there, here)."""
    pairs = {}
    for name in dict.fromkeys([*old.bits, *new.bits]):
        pair = old.bits.get(name, "none"), new.bits.get(name, "none")
        if pair[0] != pair[1]:
            pairs[name] = pair
    return pairs


def _words(old: Manifest, new: Manifest) -> str:
    """Word what differs."""
    differences = _differences(old, new).items()
    words = [
        f"{name}={there}, here it is {here}" for name, (there, here) in differences
    ]
    return "computed with " + "; ".join(words)


def _refusal(path: AnyPath, old: Manifest, new: Manifest) -> str:
    """Refuse to go on where results would differ in their last bits."""
    names = _differences(old, new)
    ways = machine.ways_to_equal({name: old.bits.get(name) for name in names})
    equal = f"make it equal ({', '.join(ways)}), or " if len(ways) == len(names) else ""
    return (
        f"out={path} was {_words(old, new)}: results would differ in their last bits; "
        f"{equal}go on with --mixed_bits (each cell says what computed it), or use "
        "another --out"
    )


def _mixture(old: Manifest, new: Manifest) -> str:
    """Say that a run now holds results of two kinds."""
    return f"mixed_bits: the run so far was {_words(old, new)}"


def _difference(path: AnyPath, old: Manifest, new: Manifest, cell: Cell) -> str:
    """Say why a directory's cell is not part of this grid."""
    config = json.loads(json.dumps(new.config))  # tuples as lists, as `old` was read
    changes = [
        f"{name} is {value!r} there and {config.get(name)!r} here"
        for name, value in old.config.items()
        if config.get(name) != value and name != "scale"
    ]
    return (
        f"out={path} holds another sweep: {'; '.join(changes[:3]) or 'other cells'} "
        f"(its cell {cell.axes} is not in this grid); use another --out, or a grid "
        "that contains all of its cells"
    )
