"""The curves of a run, thinned on a log grid of steps, for the page.

>>> curves(dataset, packer)["steps"]
[0, 50, 100, 150, 250, 400, ...]
"""

from typing import Any

import numpy as np
import xarray as xr

from jaxgrok.report.pack import Packer
from jaxgrok.report.texts import sendable
from jaxgrok.results.labels import described

ROOM, ROOM_A_CELL = 1_400_000, 150
"""Values of all curves in a page, at most: about 1 MB, and 110 bytes for each cell."""
MOST_POINTS, LEAST_POINTS = 200, 12
"""Points of a curve; where there is no room for the least, curves are left out."""
DIMENSIONS = ("", "component", "matrix", "freq")
"""Dimensions of curves, those first that are left out last."""


def curves(dataset: xr.Dataset, packer: Packer, room: int = ROOM) -> dict[str, Any]:
    """Pack all curves, and say which steps they keep and which are left out.

    Args:
        dataset: of the run.
        packer: where the values go.
        room: values there is room for, besides some for each cell.

    Returns:
        `steps`: that every curve keeps; the last evaluation of each cell comes to them.
        `last_step`: of each cell. `evaluations`: of the longest curve before thinning.
        `sections`: the curves by dimension. `left_out`: dimensions without room.
    """
    cells = dataset["phase"].size
    steps = np.asarray(dataset["step"].values)
    sections = _sections(dataset)
    room += ROOM_A_CELL * cells
    if not steps.size or not sections:
        return {"steps": [], "last_step": [], "evaluations": 0, "sections": []}
    ends = _last_evaluations(dataset)
    dims, points = _fitting(sections, dataset, cells, room)
    indices = thinned(steps, points)
    packed = []
    for dim in dims:
        labels = [str(label) for label in dataset[dim].values] if dim else []
        packed.append(
            {
                "dim": dim,
                "labels": [sendable(label) for label in labels],
                "curves": [
                    _packed(dataset, name, dim, indices, ends, packer)
                    for name in sections[dim]
                ],
            }
        )
    last_step = [int(steps[end]) if end >= 0 else None for end in ends.tolist()]
    return {
        "steps": steps[indices].tolist(),
        "last_step": last_step,
        "evaluations": len(steps),
        "sections": packed,
        "left_out": [dim for dim in sections if dim not in dims],
    }


def thinned(steps: np.ndarray, points: int) -> np.ndarray:
    """Return the indices of at most so many steps, evenly spaced on a log scale."""
    if len(steps) <= points:
        return np.arange(len(steps))
    last, indices = len(steps) - 1, np.arange(1, 2)
    # Near the first evaluations several points are rounded to one: more are tried
    # until as many as there is room for are left.
    for count in range(points - 1, 10 * points):
        candidates = np.unique(np.rint(np.geomspace(1, last, count)).astype(int))
        if len(candidates) >= points:
            break
        indices = candidates
    return np.concatenate([[0], indices])


def _sections(dataset: xr.Dataset) -> dict[str, list[str]]:
    """Return the names of the curves by the dimension they lie along."""
    cell_dims = dataset["phase"].dims
    sections: dict[str, list[str]] = {}
    for name, variable in dataset.data_vars.items():
        if "step" not in variable.dims or name == "max_train_loss":
            continue
        others = [str(d) for d in variable.dims if d not in (*cell_dims, "step")]
        if len(others) < 2:
            sections.setdefault("".join(others), []).append(str(name))
    known = [dim for dim in DIMENSIONS if dim in sections]
    return {dim: sections[dim] for dim in (*known, *sections)}


def _fitting(
    sections: dict[str, list[str]], dataset: xr.Dataset, cells: int, room: int
) -> tuple[list[str], int]:
    """Return the dimensions that there is room for, and the points of a curve."""
    columns = 0
    dims: list[str] = []
    for dim, names in sections.items():
        more = len(names) * (dataset.sizes[dim] if dim else 1)
        # The plain curves always have room.
        if dims and room // (cells * (columns + more)) < LEAST_POINTS:
            continue
        columns += more
        dims.append(dim)
    points = room // (cells * columns) - 1
    return dims, int(np.clip(points, LEAST_POINTS, MOST_POINTS))


def _last_evaluations(dataset: xr.Dataset) -> np.ndarray:
    """Return the index of each cell's last evaluation [cells], -1 without any."""
    dims = (*dataset["phase"].dims, "step")
    values = dataset["train_loss"].transpose(*dims).values
    # A diverged cell's last loss may be infinite, but never NaN before its end.
    is_evaluated = ~np.isnan(values.reshape(dataset["phase"].size, -1))
    last = is_evaluated.shape[1] - 1 - np.argmax(is_evaluated[:, ::-1], axis=1)
    return np.where(is_evaluated.any(axis=1), last, -1)


def _packed(
    dataset: xr.Dataset,
    name: str,
    dim: str,
    indices: np.ndarray,
    ends: np.ndarray,
    packer: Packer,
) -> dict[str, Any]:
    """Pack one curve [cells, entries, points]; the last point is the cell's last."""
    dims = (*dataset["phase"].dims, *([dim] if dim else []), "step")
    values = dataset[name].transpose(*dims).values
    values = values.reshape(len(ends), -1, values.shape[-1])
    last = np.where(
        ends[:, None, None] >= 0,
        values[np.arange(len(ends)), :, ends][..., None],
        np.nan,
    )
    values = np.concatenate([values[..., indices], last], axis=-1)
    # What reaches over decades is drawn on a log scale.
    finite = values[np.isfinite(values)]
    is_log = bool((finite > 0).any() and not (finite < 0).any())
    is_log = is_log and "accuracy" not in name
    long_name = dataset[name].attrs.get("long_name", described(name)[0])
    return {
        "name": name,
        "title": sendable(str(long_name)),
        "unit": sendable(str(dataset[name].attrs.get("units", ""))),
    } | packer.add(values, log=is_log)
