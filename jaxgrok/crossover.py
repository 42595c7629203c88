"""How little data still groks?

python -m jaxgrok.crossover --grid sweeps/crossover_modular.py

For every setting of a grid, the training-set size at which half of its seeds
generalise within the budget, with a 95% interval. The sizes are those of the grid's
n_train or train_fraction; a search trains the few of them that it needs.

--grid FILE[:SCALE]   the grid file, and a scale of it: laptop or post
--grid.FIELD=VALUE    override a field: --grid.weight_decay="(0.3, 1.0)"
--sizes LOW:HIGH[:N]  N sizes (24) from LOW to HIGH instead of the grid's
--width W             stop at an interval whose ends are a factor of W apart (1.25)
--budget N            lane-steps to spend in all; no limit by default
--known DIR           begin with what the trainings of another run directory say
--out DIR             run directory; run again, it goes on, or narrows the interval
--dry_run             print what would be searched and stop
--blocks N            blocks of lanes; by default one a device

python -m jaxgrok.crossover DIR draws the crossovers of a run directory again, or reads
those of a finished sweep.
"""

import copy
import functools
import sys
from pathlib import Path
from typing import Any

from absl import flags

from jaxgrok import command, gridfile, search
from jaxgrok.search import Bracket, Finding, Search

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
    brackets = _brackets(config, known)
    return _train(config, brackets, out, width, budget, blocks, quiet)


def _brackets(config: Any, known: str | Path | None) -> list[Bracket]:
    from jaxgrok import brackets
    from jaxgrok.grid import resolve

    return brackets.of_grid(resolve(config), known)


def _train(
    config: Any,
    brackets: list[Bracket],
    out: str | Path,
    width: float,
    budget: int | None,
    blocks: int | None,
    quiet: bool,
) -> list[Finding]:
    """`find`, of a config that is of one size, and of its brackets."""
    from jaxgrok import findings, runner
    from jaxgrok.brackets import Trials

    def evaluate(searching: Search) -> None:
        queue = functools.partial(Trials, searching)
        runner.run(config, out, blocks=blocks, quiet=quiet, queue=queue)

    found = search.find(brackets, evaluate, width=width, budget=budget)
    findings.write(found, out)
    return found


def read(run_dir: str | Path, *, width: float = WIDTH) -> list[Finding]:
    """The crossovers that the trainings of a run directory tell; trains nothing."""
    from jaxgrok import brackets, store

    cells = store.read_manifest(Path(run_dir))["cells"]
    tested = [cell for cell in cells if cell.get("tested", True)]
    if not tested:
        raise ValueError(f"{run_dir} holds no training with test examples")
    settings = brackets.of_cells(tested)
    trials = {brackets.trial_of(cell) for cell in tested}
    told = Search(settings, width=width)
    for trial in brackets.missing(settings, trials):
        told.forget(trial)
    for row in store.cells(run_dir):
        trial = brackets.trial_of(cells[row["cell"]])
        if trial in trials:
            brackets.tell(told, trial, row)
    return told.findings()


def of_one_size(config: Any) -> Any:
    """A copy of a config in which every training set is padded to the largest.

    Its trainings end as they grok: what a search asks is answered then.
    """
    from jaxgrok import programs, tasks
    from jaxgrok.grid import resolve

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
        config.train_size = programs.padded(most, min(pools))
    return config


def main(argv: list[str]) -> int:
    """Parse, search, and return the exit code; bad input is one line and code 2."""
    return command.run(argv, __doc__, _main)


def _main(argv: list[str]) -> int:
    values = flags.FlagValues()
    for name in ("out", "sizes", "known"):
        flags.DEFINE_string(name, None, name, flag_values=values)
    flags.DEFINE_float("width", WIDTH, "ratio to stop at", flag_values=values)
    for name in ("budget", "blocks"):
        flags.DEFINE_integer(name, None, name, lower_bound=1, flag_values=values)
    flags.DEFINE_bool("dry_run", False, "print the plan", flag_values=values)
    if len(argv) > 1 and not argv[1].startswith("-"):
        run_dir, *rest = command.parse(values, argv)
        if rest:
            raise ValueError(f"argument {rest[0]!r} is not understood; see --help")
        for name in values:
            if name != "width" and values[name].present:
                raise ValueError(f"--{name} needs --grid; DIR alone is only read")
        from jaxgrok import findings

        found = findings.stored(run_dir) or read(run_dir, width=values.width)
        findings.write(found, run_dir)
        return _say(found, run_dir)
    config, name = gridfile.parse(values, argv)
    return _search(values, config, values.out or f"runs/{name}-{config.scale}")


def _search(values: flags.FlagValues, config: Any, out: str) -> int:
    from jaxgrok import runner
    from jaxgrok.grid import sizes

    if values.sizes is not None:
        config.n_train, config.train_fraction = sizes(*_range(values.sizes)), ()
    config = of_one_size(config)
    brackets = _brackets(config, values.known)
    width, budget = values.width, values.budget
    Search(brackets, width=width, budget=budget)  # refuses what it must
    print(headline(config.scale, brackets, width), file=sys.stderr)
    if values.dry_run:
        return 0
    try:
        found = _train(config, brackets, out, width, budget, values.blocks, False)
    except runner.Interrupted as stopped:
        print(f"{stopped}; the same command goes on", file=sys.stderr)
        return command.INTERRUPTED
    return _say(found, out)


def _range(text: str) -> list[int]:
    parts = text.split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        raise ValueError(f"sizes={text!r} is not understood; write --sizes 300:2000")
    return [int(part) for part in parts]


def _say(findings: list[Finding], out: str | Path) -> int:
    from jaxgrok.findings import words

    for found in findings:
        print(words(found))
    print(f"{out}/crossover.csv, {out}/plots/crossover.png")
    return 0


def headline(scale: str, brackets: list[Bracket], width: float) -> str:
    """The line before a search: what it looks through."""
    sizes = sorted({size for bracket in brackets for size in bracket.sizes})
    seeds = max(len(bracket.seeds) for bracket in brackets)
    known = sum(len(bracket.known) for bracket in brackets)
    steps = max(bracket.steps for bracket in brackets)
    count = "1 crossover" if len(brackets) == 1 else f"{len(brackets)} crossovers"
    return (
        f"{scale} scale: {count} to within a factor of {width:g}, in "
        f"{len(sizes)} sizes from {sizes[0]} to {sizes[-1]} and {seeds} seeds, up to "
        f"{steps:,} steps a training"
        f"{f'; {known} trainings known' if known else ''}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
