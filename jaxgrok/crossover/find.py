"""Find the crossover of every setting of a grid, or read it from a run directory.

>>> findings = find(config, "runs/crossover", width=1.25)
"""

import copy
import dataclasses
import functools

from ml_collections import ConfigDict

from jaxgrok.crossover import report
from jaxgrok.crossover.queue import CrossoverQueue
from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import (
    missing_trials,
    settings_of_cells,
    settings_of_grid,
    trial_of,
)
from jaxgrok.crossover.trainings import add_prior, report_row
from jaxgrok.crossover.verdict import Finding
from jaxgrok.grid import setups
from jaxgrok.grid.resolver import resolve
from jaxgrok.host import machine
from jaxgrok.host.files.paths import UserPath
from jaxgrok.results.finished_cell import OnCell
from jaxgrok.results.run import RunOrPath, open_run
from jaxgrok.sweep import run as sweep
from jaxgrok.sweep.options import Options

WIDTH = 1.25
"""Default ratio of an interval's ends at which its setting is done."""


def find(
    config: ConfigDict,
    out: UserPath,
    *,
    width: float = WIDTH,
    budget: int | None = None,
    known: UserPath | None = None,
    blocks: int | None = None,
    quiet: bool = False,
    mixed_bits: bool = False,
    workers: str | int = "local",
    on_cell: OnCell | None = None,
) -> list[Finding]:
    """Search the crossover of every setting of a grid, in a run directory.

    Leaves crossover.csv and plots/crossover.png there. Every training set is padded to
    the largest, so that all sizes share one compiled program.

    Args:
        config: as `jaxgrok.grid.base` starts one; its sizes are the candidates.
        out: the run directory. Trainings that it has are used, not made again.
        width: ratio of an interval's ends to stop at, above 1.
        budget: lane-steps to spend, those already in the directory included.
        known: a run directory of the same settings, whose trainings say where to look.
        blocks: as in `jaxgrok.run`.
        quiet: as in `jaxgrok.run`.
        mixed_bits: as in `jaxgrok.run`.
        workers: as in `jaxgrok.run`.
        on_cell: called with every training that ends, as in `jaxgrok.run`, also with
            those that the search stopped; nobody knows their `total`.

    Returns:
        One finding per setting, in the order of the grid.

    Raises:
        ValueError: the config or an argument makes no sense, and whatever `jaxgrok.run`
            refuses.
        CallbackFailed: on_cell raised an error; everything is saved.
        Interrupted: SIGINT or SIGTERM came; everything is saved.
    """
    config, search = prepare(config, width=width, budget=budget, known=known)
    options = Options(
        blocks=blocks,
        quiet=quiet,
        mixed_bits=mixed_bits,
        workers=workers,
        on_cell=on_cell,
    )
    return train(config, search, out, options)


def read(run: RunOrPath, *, width: float = WIDTH) -> list[Finding]:
    """Read the crossovers off the trainings of a run; train nothing.

    Args:
        run: of a sweep, finished or not, or of a search; with other thresholds, what
            ended early counts as one that was stopped.
        width: ratio of an interval's ends that counts as narrow enough.

    Raises:
        FileNotFoundError: there is no run directory.
        ValueError: it holds no training with test examples, or a setting with one size
            or one seed.
    """
    opened = open_run(run)
    cells = opened.manifest.cells
    tested = [cell for cell in cells if cell.tested]
    if not tested:
        raise ValueError(
            f"{opened.path} holds no training with test examples; take one whose "
            "n_train is less than all there are"
        )
    # Not every grid has every size with every seed: what is missing counts as failed.
    settings = settings_of_cells(tested)
    search = Search(settings, width=width)
    for trial in missing_trials(settings, tested):
        search.fail(trial)
    for row in opened.rows():
        cell = cells[row["cell"]]
        if cell.tested:
            report_row(search, trial_of(cell), row)
    return search.findings()


def prepare(
    config: ConfigDict,
    *,
    width: float = WIDTH,
    budget: int | None = None,
    known: UserPath | None = None,
) -> tuple[ConfigDict, Search]:
    """Check what `find` is given; return the padded config and the search to train."""
    # What computes decides the width of a block alone, and may not be known yet.
    with machine.elsewhere("cpu"):
        config = padded_to_largest(config)
        grid = resolve(config)
    settings = settings_of_grid(grid)
    if known is not None:
        settings = add_prior(settings, grid, known)
    return config, Search(settings, width=width, budget=budget)


def train(
    config: ConfigDict, search: Search, out: UserPath, options: Options
) -> list[Finding]:
    """Train what a search asks for until it asks for nothing; write what it found."""
    queue = functools.partial(CrossoverQueue, search)
    sweep.train(config, out, dataclasses.replace(options, queue=queue))
    findings = search.findings()
    report.write(report.table(findings), out)
    return findings


def padded_to_largest(config: ConfigDict) -> ConfigDict:
    """Return a copy of a config in which every training set is padded to the largest.

    Its trainings end as they grok: a search asks for no more.

    Raises:
        ValueError: the regime is online, or the largest size is too large for a task.
    """
    grid = resolve(config)
    if any(group.setup.regime == "online" for group in grid.groups):
        raise ValueError("regime='online' has no training-set size; take 'finite'")
    config = copy.deepcopy(config)
    config.stop, config.steps_past_grok = "grokked", 0
    # One padded size means one compiled program.
    if not config.train_size:
        largest = max(cell.lane["n_train"] for cell in grid.cells)
        pools = [group.setup.task.universe for group in grid.groups]
        if largest > min(pools):
            raise ValueError(
                f"the settings have {min(pools)} to {max(pools)} examples to choose "
                f"from, and n_train={largest} is too much for some; search one at a "
                "time"
            )
        config.train_size = setups.padded(largest, min(pools))
    return config
