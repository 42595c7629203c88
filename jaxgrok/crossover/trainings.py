"""Rows of cells.csv as the trainings that a search knows.

>>> settings = add_prior(settings, grid, "runs/wd_vs_frac-laptop")
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import Axes, Setting, Trial, axes_of
from jaxgrok.crossover.threshold_fit import Training
from jaxgrok.grid.cells import Cell, Grid
from jaxgrok.grid.setups import Program
from jaxgrok.host.files.paths import UserPath
from jaxgrok.results.run import open_run

FREE_FIELDS = {"n_train", "seed", "steps", "train_size", "stop", "steps_past_grok"}
"""Fields in which a training may differ from a setting and still tell about it."""


def report_row(search: Search, trial: Trial, row: Mapping[str, Any]) -> None:
    """Report a trial's row of cells.csv to a search."""
    # Untested: every test example was drawn for the training set too.
    if row["status"] == "failed" or row["phase"] == "untested":
        search.fail(trial)
        return
    generalised = row["grok_step"] is not None
    is_cut_short = row["status"] == "stopped" or row["phase"] == "ended"
    # Stopped at the very evaluation at which it grokked: its outcome is known.
    stopped = is_cut_short and not generalised
    search.report(trial, generalised=generalised, steps=row["steps"], stopped=stopped)


def add_prior(
    settings: Sequence[Setting], grid: Grid, known: UserPath
) -> list[Setting]:
    """Return settings with what the trainings of another run directory say.

    Args:
        settings: those of the grid.
        grid: what is searched.
        known: the other run directory, of a sweep or of a search.

    Raises:
        ValueError: the directory holds no training of any setting.
    """
    trainings = _trainings_by_setting(grid, known)
    if not trainings:
        raise ValueError(
            f"known={known} holds no training of any setting searched; name the run "
            "directory of a grid that differs in sizes, seeds or budget alone"
        )
    return [
        dataclasses.replace(setting, prior=tuple(trainings.get(setting.axes, ())))
        for setting in settings
    ]


def _trainings_by_setting(grid: Grid, known: UserPath) -> dict[Axes, list[Training]]:
    """Return the trainings of a run directory that belong to settings of the grid."""
    # Several settings may have one fingerprint: they differ by their budgets alone.
    budgets: dict[str, dict[Axes, int]] = {}
    for cell in grid.cells:
        budget_of = budgets.setdefault(_fingerprint(grid.config, cell), {})
        budget_of[axes_of(cell)] = cell.lane["steps"]
    run = open_run(known)
    trainings: dict[Axes, list[Training]] = {}
    for row in run.rows():
        cell = run.manifest.cells[row["cell"]]
        is_tested = cell.tested and row["phase"] != "untested"
        if row["status"] == "failed" or not is_tested:
            continue
        matches = budgets.get(_fingerprint(run.manifest.config, cell), {})
        for axes, steps in matches.items():
            trainings.setdefault(axes, []).append(_training(cell, row, steps))
    return trainings


def _fingerprint(config: Mapping[str, Any], cell: Cell) -> str:
    """Return a text that is equal for trainings of one setting.

    Sizes, seeds, padding and budgets may differ; what decides a result otherwise may
    not.
    """
    program = Program(dict(config), cell.static)
    fields = program.decisive | cell.lane
    return repr(sorted((k, v) for k, v in fields.items() if k not in FREE_FIELDS))


def _training(cell: Cell, row: Mapping[str, Any], steps: int) -> Training:
    """Return what a row says about a training with a budget of `steps`."""
    grok_step = row["grok_step"]
    generalised = grok_step is not None and grok_step <= steps
    # A shorter budget that was spent says as much as that share of this one; what
    # grokked later, or diverged, did not generalise in all of it.
    certain = grok_step is not None or row["status"] == "diverged"
    share = 1.0 if certain else min(row["steps"] / steps, 1.0)
    return Training(cell.lane["n_train"], cell.lane["seed"], generalised, share)
