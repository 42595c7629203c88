"""Find the crossover of every setting of a grid, or read it from a run directory.

>>> findings = find(config, "runs/crossover", width=1.25)
"""

import copy
import functools
from pathlib import Path
from typing import Any

from jaxgrok.crossover import search
from jaxgrok.crossover.search import Bracket, Finding, Search

WIDTH = 1.25


def find(
    config: Any,
    out: str | Path,
    *,
    width: float = WIDTH,
    budget: int | None = None,
    known: str | Path | None = None,
    blocks: int | None = None,
    quiet: bool = False,
) -> list[Finding]:
    """Search the crossover of every setting of a grid, in a run directory.

    Args:
        config: a ConfigDict as `jaxgrok.grid.base` starts one; its sizes are those
            to choose from.
        out: the run directory. Trainings it has are used, not made again.
        width: ratio of an interval's ends to stop at, above 1.
        budget: lane-steps to spend, those already in the directory included.
        known: a run directory of the same settings, whose trainings tell where to look.
        blocks, quiet: as in `jaxgrok.run`.

    Leaves crossover.csv and plots/crossover.png. Every size of the grid is padded to
    the largest: one program. Raises ValueError for what makes no sense, and what
    `jaxgrok.run` raises.
    """
    config = of_one_size(config)
    brackets = settings_of(config, known)
    return train(config, brackets, out, width, budget, blocks, quiet)


def settings_of(config: Any, known: str | Path | None) -> list[Bracket]:
    from jaxgrok.crossover import settings as brackets
    from jaxgrok.grid.resolver import resolve

    return brackets.of_grid(resolve(config), known)


def train(
    config: Any,
    brackets: list[Bracket],
    out: str | Path,
    width: float,
    budget: int | None,
    blocks: int | None,
    quiet: bool,
) -> list[Finding]:
    """`find`, of a config that is of one size, and of its brackets."""
    from jaxgrok.crossover import report
    from jaxgrok.crossover.settings import Trials
    from jaxgrok.sweep import run

    def evaluate(searching: Search) -> None:
        queue = functools.partial(Trials, searching)
        run.run(config, out, blocks=blocks, quiet=quiet, queue=queue)

    found = search.find(brackets, evaluate, width=width, budget=budget)
    report.write(found, out)
    return found


def read(run_dir: str | Path, *, width: float = WIDTH) -> list[Finding]:
    """The crossovers that the trainings of a run directory tell; trains nothing."""
    from jaxgrok.crossover import settings as brackets
    from jaxgrok.results import run_directory
    from jaxgrok.results.manifest import read_manifest

    cells = read_manifest(Path(run_dir)).cells
    tested = [cell for cell in cells if cell.tested]
    if not tested:
        raise ValueError(f"{run_dir} holds no training with test examples")
    settings = brackets.of_cells(tested)
    trials = {brackets.trial_of(cell) for cell in tested}
    told = Search(settings, width=width)
    for trial in brackets.missing(settings, trials):
        told.forget(trial)
    for row in run_directory.cells(run_dir):
        trial = brackets.trial_of(cells[row["cell"]])
        if trial in trials:
            brackets.tell(told, trial, row)
    return told.findings()


def of_one_size(config: Any) -> Any:
    """A copy of a config in which every training set is padded to the largest.

    Its trainings end as they grok: what a search asks is answered then.
    """
    from jaxgrok import tasks
    from jaxgrok.grid import setups
    from jaxgrok.grid.resolver import resolve

    grid = resolve(config)
    if any(group.setup.regime == "online" for group in grid.groups):
        raise ValueError("regime='online' has no training-set size; take 'finite'")
    config = copy.deepcopy(config)
    config.stop, config.steps_past_grok = "grokked", 0
    if not config.train_size:
        most = max(cell.lane["n_train"] for cell in grid.cells)
        pools = {tasks.universe(group.setup.task) for group in grid.groups}
        if most > min(pools):
            raise ValueError(
                f"the settings have {min(pools)} to {max(pools)} examples to choose "
                f"from, and n_train={most} is too much for some; search one at a time"
            )
        config.train_size = setups.padded(most, min(pools))
    return config
