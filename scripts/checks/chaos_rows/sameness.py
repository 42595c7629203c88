"""Whether two run directories say the same, to the byte.

>>> differences(run_dir, whole)
[]
"""

import csv
from pathlib import Path

import numpy as np

from jaxgrok.results.files.shards import Result
from jaxgrok.results.run import open_run

TABLES = ("cells.csv", "components.csv", "circuits.csv", "crossover.csv")


def differences(found: Path, want: Path) -> list[str]:
    """Return what differs between two runs: tables, curves and snapshots."""
    different = [name for name in TABLES if _bytes(found / name) != _bytes(want / name)]
    results = [open_run(path).results for path in (found, want)]
    if results[0].keys() != results[1].keys():
        return [*different, "the cells that have results"]
    for cell_id, result in results[0].items():
        different += different_result(result, results[1][cell_id])
    return different + _different_snapshots(found, want)


def different_result(found: Result, want: Result) -> list[str]:
    """Return what differs between two results of a cell."""
    if found.status != want.status:
        return [f"status of {found.cell_id}"]
    if found.records.tobytes() != want.records.tobytes():
        return [f"curves of {found.cell_id}"]
    return []


def _different_snapshots(found: Path, want: Path) -> list[str]:
    """Return what differs between the snapshots of two runs."""
    one, other = (open_run(path).snapshots for path in (found, want))
    if one.every() != other.every():
        return ["the steps of snapshots"]
    different = []
    for kin, steps in one.every().items():
        params, wanted = (index.load(kin, sorted(steps)) for index in (one, other))
        for name, array in params.items():
            if not np.array_equal(_bits(array), _bits(wanted[name])):
                different.append(f"snapshots of {kin}: {name}")
    return different


def repeated_cells(run_dir: Path) -> list[str]:
    """Return the cells that have more than one row of cells.csv."""
    with open(run_dir / "cells.csv", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    return sorted({cell_id for cell_id in ids if ids.count(cell_id) > 1})


def _bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8)


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
