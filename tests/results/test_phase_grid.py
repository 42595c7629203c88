"""Squares of a phase grid against a loop over them, and their cost."""

import time

import numpy as np
import pytest
import xarray as xr

from jaxgrok.outcomes.outcomes import PHASES, UNDECIDED
from jaxgrok.results.dataset import LABELS
from jaxgrok.results.phase_grid import gather, medians


def cells(count, sides, seed=0):
    """Random cells of a chain: every label, steps where they may have grokked."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(LABELS, count)
    phase = np.where(np.isin(labels, PHASES), labels, "")
    status = np.where(labels == "failed", "failed", "done")
    grok_step = np.where(rng.random(count) < 0.5, rng.integers(0, 50, count) * 10, None)
    return xr.Dataset(
        {
            "phase": ("cell", phase.astype(object)),
            "status": ("cell", status.astype(object)),
            "grok_step": ("cell", grok_step.astype(float)),
            "steps": ("cell", rng.integers(1, 9, count) * 100),
        },
        {
            "weight_decay": ("cell", rng.integers(0, sides[1], count) / 8),
            "train_fraction": ("cell", rng.integers(0, sides[0], count) / 8),
        },
    ), labels


def median(steps):
    """Of two middle ones, one of which is censored, the other."""
    ranked = sorted(np.where(np.isnan(steps), np.inf, steps))
    middle = ranked[(len(ranked) - 1) // 2 : len(ranked) // 2 + 1] or [np.inf]
    finite = [step for step in middle if np.isfinite(step)]
    return np.mean(finite) if finite else np.nan


@pytest.mark.parametrize("count", [5, 60, 400])
def test_every_square_holds_its_own_cells(count):
    dataset, labels = cells(count, (4, 5))
    grid = gather(dataset)
    grok_step, steps = dataset["grok_step"].values, dataset["steps"].values
    values = np.where(np.arange(count) % 3, np.arange(count) / 7, np.nan)
    found = medians(grid, values)
    for row, y in enumerate(grid.y_values):
        for column, x in enumerate(grid.x_values):
            square = row, column
            inside = (dataset.train_fraction == y) & (dataset.weight_decay == x)
            inside = inside.values
            for label in LABELS:
                assert grid.counts[label][square] == (inside & (labels == label)).sum()
            tested = inside & np.isin(labels, PHASES) & ~np.isin(labels, UNDECIDED)
            assert grid.tested[square] == tested.sum()
            assert grid.grokked[square] == np.isfinite(grok_step[tested]).sum()
            np.testing.assert_equal(grid.median[square], median(grok_step[tested]))
            censored = tested & np.isnan(grok_step) & (labels != "diverged")
            budget = steps[censored].min() if censored.any() else np.nan
            np.testing.assert_equal(grid.budget[square], budget)
            ended = steps[inside & (labels == "ended")].min(initial=10_000)
            ended = np.nan if ended == 10_000 else ended
            np.testing.assert_equal(grid.end_step[square], ended)
            own = values[inside & np.isfinite(values)]
            expected = np.median(own) if own.size else np.nan
            np.testing.assert_equal(found[square], expected)


def test_ten_thousand_squares_take_no_time():
    dataset, _ = cells(10_000, (100, 100))
    started = time.perf_counter()
    grid = gather(dataset)
    medians(grid, np.arange(10_000.0))
    assert time.perf_counter() - started < 1  # 6 s if every square looks at every cell
