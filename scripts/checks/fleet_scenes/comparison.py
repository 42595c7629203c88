"""Whether two run directories hold the same bytes."""

from pathlib import Path

import numpy as np
import xarray as xr

import jaxgrok
from jaxgrok.results.run import open_run


def differences(run_dir: Path, reference: Path) -> list[str]:
    """Name what of a sweep differs from the same sweep of one process."""
    found = []
    for name in ("cells.csv", "components.csv", "circuits.csv"):
        files = [folder / name for folder in (run_dir, reference)]
        texts = [file.read_bytes() if file.exists() else b"" for file in files]
        if texts[0] != texts[1]:
            found.append(name)
    datasets = [jaxgrok.load(folder).drop_attrs() for folder in (run_dir, reference)]
    try:
        xr.testing.assert_identical(*datasets)
    except AssertionError as error:
        found.append(f"curves: {str(error)[:500]}")
    return found + _snapshots(run_dir, reference) + _leftovers(run_dir)


def _snapshots(run_dir: Path, reference: Path) -> list[str]:
    """Name the cells whose snapshots differ."""
    found = []
    indices = [
        open_run(folder).indices_with_snapshots() for folder in (run_dir, reference)
    ]
    if set(indices[0]) != set(indices[1]):
        return [f"cells with snapshots: {indices}"]
    for index in indices[0]:
        one, two = (
            jaxgrok.load_trajectory(folder, index) for folder in (run_dir, reference)
        )
        is_same = np.array_equal(one[0], two[0]) and one[1].keys() == two[1].keys()
        if not (is_same and all(_equal(one[1][name], two[1][name]) for name in one[1])):
            found.append(f"snapshots of cell {index}")
    return found


def _leftovers(run_dir: Path) -> list[str]:
    """Name what a sweep that has ended should not leave."""
    names = ("coordinator.json", "resume")
    return [f"{name} is left" for name in names if (run_dir / name).exists()]


def disagreements(run_dir: Path, reference: Path) -> list[str]:
    """Name the trainings that two searches both made, with other results."""
    opened = [open_run(folder) for folder in (run_dir, reference)]
    rows = [{row["id"]: row for row in run.rows()} for run in opened]
    found = _leftovers(run_dir)
    lines = (run_dir / "cells.csv").read_text().splitlines()
    if len({line.split(",")[0] for line in lines}) != len(lines):
        found.append("a cell has two rows")
    curves = [run.results for run in opened]
    for cell_id in rows[0].keys() & rows[1].keys():
        one, two = (results[cell_id] for results in curves)
        # A search stops trainings when it likes: they agree as far as both went.
        n_evals = min(len(one.records), len(two.records))
        if not _equal(one.records[:n_evals], two.records[:n_evals]):
            found.append(f"cell {cell_id}")
        elif (
            one.status == two.status == "done" and rows[0][cell_id] != rows[1][cell_id]
        ):
            found.append(f"row of cell {cell_id}")
    return found


def _equal(one: np.ndarray, two: np.ndarray) -> bool:
    """Tell whether two arrays have the same bytes."""
    return one.shape == two.shape and one.tobytes() == two.tobytes()
