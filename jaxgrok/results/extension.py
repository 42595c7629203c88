"""Whether a grid may go on in a run directory, and what it takes over.

Every cell of the directory must be in the grid, with the same budget or a longer one,
and what decides bits must be the same.

>>> manifest, results = adopt(directory, describe(grid))
"""

import dataclasses
import json
from pathlib import Path

from jaxgrok.grid.cells import Cell
from jaxgrok.results.manifest import Manifest
from jaxgrok.results.rows import OVER, Result
from jaxgrok.results.run_directory import RunDirectory


def adopt(
    directory: RunDirectory, manifest: Manifest
) -> tuple[Manifest, dict[str, Result]]:
    """Take over a directory: the manifest to write, and its results of these cells.

    Failed results are among them, and count as none. The manifest keeps what was
    recorded at the time where nothing is left to train. Raises ValueError for a
    directory that does not fit the grid.
    """
    old = directory.manifest()
    if old is None:
        return manifest, {}
    by_id = {cell.id: cell for cell in manifest.cells}
    by_kin: dict[str, list[Cell]] = {}
    for cell in manifest.cells:
        by_kin.setdefault(cell.kin, []).append(cell)
    stored = directory.results()
    results = {name: result for name, result in stored.items() if name in by_id}
    longer = []
    for cell in old.cells:
        if cell.id in by_id:
            continue
        budget = cell.lane["steps"]
        heirs = [c for c in by_kin.get(cell.kin, []) if c.lane["steps"] > budget]
        if not heirs:
            raise ValueError(_difference(directory.path, old, manifest, cell))
        result = stored.get(cell.id)
        if not result or result.status not in OVER:
            continue
        if int(result.curve("step")[-1]) < budget:
            # Ended by its own rule: a longer budget would have changed nothing.
            longer += [dataclasses.replace(result, cell=c.id) for c in heirs]
    finished = {name for name, r in results.items() if r.status != "failed"}
    pending = by_id.keys() - finished - {result.cell for result in longer}
    for name, value in old.bits.items():
        if pending and manifest.bits.get(name) != value:
            raise ValueError(
                f"out={directory.path} was computed with {name}={value}, here it is "
                f"{manifest.bits.get(name)}: results would differ in their last "
                "bits; use the same, or another --out"
            )
    if not pending:  # what was computed stays as it was computed
        manifest = dataclasses.replace(
            manifest, bits=old.bits, versions=old.versions, commit=old.commit
        )
    if longer:
        directory.write_results(longer)
    manifest = dataclasses.replace(manifest, usage=old.usage)
    return manifest, results | {result.cell: result for result in longer}


def _difference(path: Path, old: Manifest, new: Manifest, cell: Cell) -> str:
    """Say why a directory's cell is not part of this grid."""
    config = json.loads(json.dumps(new.config))  # tuples as lists, as `old` was read
    changed = [
        f"{name} is {was!r} there and {config.get(name)!r} here"
        for name, was in old.config.items()
        if config.get(name) != was and name != "scale"
    ]
    return (
        f"out={path} holds another sweep: {'; '.join(changed[:3]) or 'other cells'} "
        f"(its cell {cell.axes} is not in this grid); use another --out, or a grid "
        "that contains all of its cells"
    )
