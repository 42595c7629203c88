"""Whether a grid may go on in a run directory, and what it takes over.

Every cell of the directory must be in the grid, with the same budget or a longer one,
and what decides bits must be the same.

>>> manifest, results = adopt(directory, describe(grid))
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from jaxgrok.grid.cells import Cell
from jaxgrok.results.manifest import Manifest
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.results.shards import OVER, Result


def adopt(
    directory: RunDirectory, manifest: Manifest
) -> tuple[Manifest, dict[str, Result]]:
    """Take over a run directory for a grid.

    Args:
        directory: locked; may be new.
        manifest: that of the grid.

    Returns:
        The manifest to write, and the results that the directory has of these cells,
        by cell id. Failed ones are among them, and count as none. Where nothing is left
        to train, the manifest keeps the versions that trained.

    Raises:
        ValueError: the directory does not fit the grid.
    """
    old = directory.manifest()
    if old is None:
        return manifest, {}
    stored = directory.results()
    ids = {cell.id for cell in manifest.cells}
    results = {cell_id: r for cell_id, r in stored.items() if cell_id in ids}
    inherited = _inherited(directory.path, old, manifest, stored)
    finished = {cell_id for cell_id, r in results.items() if r.status != "failed"}
    pending = ids - finished - {result.cell_id for result in inherited}
    if pending:
        _check_bits(directory.path, old, manifest)
    else:
        manifest = dataclasses.replace(
            manifest, bits=old.bits, versions=old.versions, commit=old.commit
        )
    if inherited:
        directory.write_results(inherited)
    manifest = dataclasses.replace(manifest, usage=old.usage)
    return manifest, results | {result.cell_id: result for result in inherited}


def _inherited(
    path: Path, old: Manifest, new: Manifest, stored: Mapping[str, Result]
) -> list[Result]:
    """Return the old results that are also results of cells with a longer budget.

    Raises:
        ValueError: an old cell is not in the grid, with any budget from its own on.
    """
    ids = {cell.id for cell in new.cells}
    by_kin: dict[str, list[Cell]] = {}
    for cell in new.cells:
        by_kin.setdefault(cell.kin, []).append(cell)
    inherited: list[Result] = []
    for cell in old.cells:
        if cell.id in ids:
            continue
        budget = cell.lane["steps"]
        heirs = [c for c in by_kin.get(cell.kin, []) if c.lane["steps"] > budget]
        if not heirs:
            raise ValueError(_difference(path, old, new, cell))
        result = stored.get(cell.id)
        if result is not None and _ended_early(result, budget):
            inherited += _renamed(result, heirs)
    return inherited


def _ended_early(result: Result, budget: int) -> bool:
    """Tell whether a cell ended by its own rule: more steps would change nothing."""
    return result.status in OVER and int(result.curve("step")[-1]) < budget


def _renamed(result: Result, heirs: Iterable[Cell]) -> list[Result]:
    """Return a result as that of each of the heirs."""
    return [dataclasses.replace(result, cell_id=cell.id) for cell in heirs]


def _check_bits(path: Path, old: Manifest, new: Manifest) -> None:
    """Refuse to go on where results would differ in their last bits."""
    for name, value in old.bits.items():
        if new.bits.get(name) != value:
            raise ValueError(
                f"out={path} was computed with {name}={value}, here it is "
                f"{new.bits.get(name)}: results would differ in their last "
                "bits; use the same, or another --out"
            )


def _difference(path: Path, old: Manifest, new: Manifest, cell: Cell) -> str:
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
