"""Whether run directories hold the same, wherever they lie."""

import numpy as np
import xarray as xr

import jaxgrok
from jaxgrok.host.files.paths import AnyPath


def same(found: AnyPath, want: AnyPath) -> None:
    """Compare two runs: tables, curves and snapshots."""
    for table in ("cells.csv",):
        same_bytes = (found / table).read_bytes() == (want / table).read_bytes()
        assert same_bytes, f"{found / table} differs"
    runs = [jaxgrok.open(path) for path in (found, want)]
    first, second = (run.dataset().drop_attrs() for run in runs)
    xr.testing.assert_identical(first, second)
    for index in range(len(runs[0])):
        (steps, params), (others, expected) = (
            run.cell(index).trajectory() for run in runs
        )
        assert np.array_equal(steps, others), f"cell {index} has other snapshots"
        for name, array in expected.items():
            assert np.array_equal(params[name], array), f"cell {index}: {name}"


def contents(folder: AnyPath) -> dict[str, bytes]:
    """Return all objects of a run directory but the locks, by name."""
    found = {}
    for path in folder.iterdir():
        if path.name == ".locks":
            continue
        found |= contents(path) if path.is_dir() else {str(path): path.read_bytes()}
    return found
