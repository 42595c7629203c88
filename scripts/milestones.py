"""Where a run passes the milestones of the post's main line.

    python scripts/milestones.py runs/mainline-post --picture docs/mainline.png

Prints, for every cell, the first evaluated step at which each milestone is passed, and
the sum of squared weights on its way, beside the authors' saved run (one seed; its
losses are recorded every step, ours every 100).
"""

from pathlib import Path

import numpy as np
from absl import app, flags

import jaxgrok
from jaxgrok.plots.files import save
from jaxgrok.plots.sweep.curves import curves

PICTURE = flags.DEFINE_string("picture", None, "also draw the curves, into this file")

AUTHORS = {
    "train loss < 1e-2": 300,
    "train loss < 1e-6": 1_215,
    "test loss's peak, at step": 1_370,
    "test loss's peak": 26,
    "test loss < 1": 9_890,
    "test loss < 1e-2": 10_730,
    "sum of squares at 0": 1_780,
    "sum of squares, largest": 3_658,
    "  at step": 920,
    "sum of squares at 5,000": 2_600,
}


def milestones(cell) -> dict[str, float]:
    """The milestones of one cell's dataset; NaN for what was not reached."""
    steps = cell.step.values
    train, test = cell.train_loss.values, cell.test_loss.values
    squares = cell.sum_of_squares.sum("matrix", skipna=False).values
    peak, largest = int(np.nanargmax(test)), int(np.nanargmax(squares))

    def passes(curve: np.ndarray, level: float, after: int = 0) -> float:
        below = np.flatnonzero((curve < level) & (steps > after))
        return float(steps[below[0]]) if len(below) else float("nan")

    values = {
        "train loss < 1e-2": passes(train, 1e-2),
        "train loss < 1e-6": passes(train, 1e-6),
        "test loss's peak, at step": steps[peak],
        "test loss's peak": test[peak],
        "test loss < 1": passes(test, 1, steps[peak]),
        "test loss < 1e-2": passes(test, 1e-2, steps[peak]),
        "sum of squares at 0": squares[0],
        "sum of squares, largest": squares[largest],
        "  at step": steps[largest],
        "sum of squares at 5,000": squares[np.searchsorted(steps, 5_000)],
    }
    assert values.keys() == AUTHORS.keys()
    return values


def main(argv: list[str]) -> None:
    dataset = jaxgrok.load(argv[1])
    cells = dataset.stack(one=dataset.phase.dims).transpose("one", ...)
    columns = [milestones(cells.isel(one=i)) for i in range(cells.sizes["one"])]
    names = [f"seed {int(seed)}" for seed in np.ravel(cells.seed)]
    print(f"{'':28}{'authors':>9}" + "".join(f"{name:>9}" for name in names))
    for name, authors in AUTHORS.items():
        values = "".join(f"{column[name]:>9,.5g}" for column in columns)
        print(f"{name:28}{authors:>9,}{values}")
    if PICTURE.value:
        save(curves(dataset), Path(PICTURE.value))


if __name__ == "__main__":
    app.run(main)
