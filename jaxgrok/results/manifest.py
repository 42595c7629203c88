"""What a run directory says of itself, and whether a grid may go on in it.

Owns the manifest's contents and the rules of extending: every old cell must be in the
new grid, and what changes bits must not change. Owns no file format.

    >>> manifest = describe(grid)
    >>> results = adopt(directory, manifest)
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgrok.grid.cells import Grid
from jaxgrok.grid.presets import POST
from jaxgrok.grid.setups import build
from jaxgrok.host import machine
from jaxgrok.results.rows import OVER, Result
from jaxgrok.results.run_directory import RunDirectory


def describe(grid: Grid) -> dict[str, Any]:
    """What the run directory says of itself."""
    setup = grid.groups[0].setup
    return {
        "title": grid.title,
        "config": grid.config,
        "axes": list(grid.axes),
        "dims": {name: list(values) for name, values in grid.dims.items()},
        "thresholds": dataclasses.asdict(setup.thresholds),
        "bits": machine.bits() | {"block_width": grid.groups[0].block_width},
        "precision": sorted({group.setup.precision for group in grid.groups}),
        "versions": machine.versions(),
        "commit": machine.commit(),
        "groups": [
            {
                "train_size": group.setup.train_size,
                "block_width": group.block_width,
                "cells": [cell.id for cell in group.cells],
            }
            for group in grid.groups
        ],
        "cells": [dict(vars(cell)) for cell in grid.cells],
    }


def network_of(manifest: Mapping[str, Any], cell: int) -> tuple[Any, Any]:
    """The (task, model) that a cell of a run directory is made of."""
    # A directory of an earlier version lacks the fields that came since.
    static = manifest["cells"][cell].get("static", {})
    return build(POST | manifest["config"] | static)


def adopt(directory: RunDirectory, manifest: dict[str, Any]) -> dict[str, Result]:
    """Results the directory has of this grid's cells; refuse what does not fit.

    Failed ones are among them, and are as good as none.
    """
    old = directory.manifest()
    if old is None:
        return {}
    by_id = {cell["id"]: cell for cell in manifest["cells"]}
    by_kin: dict[str, list[dict[str, Any]]] = {}
    for cell in manifest["cells"]:
        by_kin.setdefault(cell["kin"], []).append(cell)
    stored = directory.results()
    results = {name: result for name, result in stored.items() if name in by_id}
    longer = []
    for cell in old["cells"]:
        if cell["id"] in by_id:
            continue
        budget = cell["lane"]["steps"]
        heirs = [c for c in by_kin.get(cell["kin"], []) if c["lane"]["steps"] > budget]
        if not heirs:
            raise ValueError(_difference(directory.path, old, manifest, cell))
        result = stored.get(cell["id"])
        if not result or result.status not in OVER:
            continue
        if int(result.curve("step")[-1]) < budget:
            # Ended by its own rule: a longer budget would have changed nothing.
            longer += [dataclasses.replace(result, cell=c["id"]) for c in heirs]
    finished = {name for name, r in results.items() if r.status != "failed"}
    pending = by_id.keys() - finished - {result.cell for result in longer}
    was = {"arithmetic": 1} | old["bits"]  # an earlier version did not record it
    for name, value in was.items():
        if pending and manifest["bits"].get(name) != value:
            raise ValueError(
                f"out={directory.path} was computed with {name}={value}, here it is "
                f"{manifest['bits'].get(name)}: results would differ in their last "
                "bits; use the same, or another --out"
            )
    if not pending:  # what was computed stays as it was computed
        manifest |= {key: old[key] for key in ("bits", "versions", "commit")}
    if longer:
        directory.write_results(longer)
    return results | {result.cell: result for result in longer}


def _difference(
    path: Path, old: dict[str, Any], new: dict[str, Any], cell: dict[str, Any]
) -> str:
    """Why a directory's cell is not part of this grid."""
    new = json.loads(json.dumps(new))  # tuples as lists, as the old one was read
    changed = [
        f"{name} is {was!r} there and {new['config'].get(name)!r} here"
        for name, was in old["config"].items()
        if new["config"].get(name) != was and name != "scale"
    ]
    return (
        f"out={path} holds another sweep: {'; '.join(changed[:3]) or 'other cells'} "
        f"(its cell {cell['axes']} is not in this grid); use another --out, or a grid "
        "that contains all of its cells"
    )
