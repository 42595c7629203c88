"""Whether two run directories say the same, to the byte.

Paths may be texts, and answers are lists of texts: a fork is asked too.

>>> differences(run_dir, whole)
[]
"""

import csv
from pathlib import Path

import numpy as np

from jaxgrok.results.files.shards import Result
from jaxgrok.results.run import open_run
from jaxgrok.verify.audit import audit

TABLES = ("cells.csv", "components.csv", "circuits.csv", "crossover.csv")


def differences(found: Path | str, want: Path | str) -> list[str]:
    """Return what differs between two runs: tables, curves and snapshots.

    What is wrong with the first one alone counts too: unfinished files of processes
    that were killed, and files that `verify` finds to be damaged.
    """
    found, want = Path(found), Path(want)
    faults = audit(found).faults
    different = unfinished(found) + [f"{f.file} {f.words}" for f in faults]
    different += [
        name for name in TABLES if _bytes(found / name) != _bytes(want / name)
    ]
    results = [open_run(path).results for path in (found, want)]
    if results[0].keys() != results[1].keys():
        return [*different, "the cells that have results"]
    for cell_id, result in results[0].items():
        different += different_result(result, results[1][cell_id])
    return different + _different_snapshots(found, want)


def search_faults(
    found: Path | str, want: Path | str, most: int
) -> tuple[list[str], int]:
    """Return what is wrong with a search, and how many trainings both made.

    Args:
        found: its run directory.
        want: that of the same search, which nobody disturbed.
        most: lane-steps that it may have taken.
    """
    found, want = Path(found), Path(want)
    faults = [f"two rows of {cell_id}" for cell_id in repeated_cells(found)]
    results, wanted = (open_run(path).results for path in (found, want))
    both = [
        cell_id
        for cell_id in results.keys() & wanted.keys()
        if results[cell_id].status == wanted[cell_id].status == "done"
    ]
    for cell_id in both:
        faults += different_result(results[cell_id], wanted[cell_id])
    spent = sum(row["steps"] for row in open_run(found).rows())
    if spent > most:
        faults.append(f"{spent} lane-steps of {most}")
    return faults + unfinished(found), len(both)


def unfinished(run_dir: Path) -> list[str]:
    """Return what was left half written, and nobody has removed."""
    patterns = ("*/*orbax-checkpoint-tmp*", ".*.tmp", "*/.*.tmp")
    paths = [path for pattern in patterns for path in run_dir.glob(pattern)]
    return [f"left behind: {path.relative_to(run_dir)}" for path in paths]


def unreadable(run_dir: Path | str) -> list[str]:
    """Return why a run directory cannot be read, if it is one already."""
    run_dir = Path(run_dir)
    if not (run_dir / "manifest.json").exists():
        return []
    try:
        run = open_run(run_dir)
        run.rows()
        for kin, steps in run.snapshots.every().items():
            run.snapshots.load(kin, sorted(steps))
        dict(run.results)
    except Exception as error:
        return [f"unreadable: {error!r}"]
    return []


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
        ids = [row["cell"] for row in csv.DictReader(file)]
    return sorted({cell_id for cell_id in ids if ids.count(cell_id) > 1})


def _bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8)


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
