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

import sys
from pathlib import Path
from typing import Any

from absl import flags

from jaxgrok.crossover import find
from jaxgrok.crossover.search import Bracket, Finding, Search
from jaxgrok.grid import overrides
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.host import command_line


def main(argv: list[str]) -> int:
    """Parse, search, and return the exit code; bad input is one line and code 2."""
    return command_line.run(argv, __doc__, _main)


def _main(argv: list[str]) -> int:
    values = flags.FlagValues()
    for name in ("out", "sizes", "known"):
        flags.DEFINE_string(name, None, name, flag_values=values)
    flags.DEFINE_float("width", find.WIDTH, "ratio to stop at", flag_values=values)
    for name in ("budget", "blocks"):
        flags.DEFINE_integer(name, None, name, lower_bound=1, flag_values=values)
    flags.DEFINE_bool("dry_run", False, "print the plan", flag_values=values)
    if len(argv) > 1 and not argv[1].startswith("-"):
        run_dir, *rest = command_line.parse(values, argv)
        if rest:
            raise ValueError(f"argument {rest[0]!r} is not understood; see --help")
        for name in values:
            if name != "width" and values[name].present:
                raise ValueError(f"--{name} needs --grid; DIR alone is only read")
        from jaxgrok.crossover import report

        found = report.stored(run_dir) or find.read(run_dir, width=values.width)
        report.write(found, run_dir)
        return _say(found, run_dir)
    config, grid_file = overrides.parse(values, argv)
    out = values.out or f"runs/{grid_file.name}-{config.scale}"
    return _search(values, config, out, grid_file)


def _search(
    values: flags.FlagValues, config: Any, out: str, grid_file: GridFile
) -> int:
    from jaxgrok.grid.train_sizes import sizes
    from jaxgrok.sweep import run

    if values.sizes is not None:
        config.n_train, config.train_fraction = sizes(*_range(values.sizes)), ()
    config = find.of_one_size(config)
    brackets = find.settings_of(config, values.known)
    width, budget = values.width, values.budget
    Search(brackets, width=width, budget=budget)  # refuses what it must
    print(headline(config.scale, brackets, width), file=sys.stderr)
    if values.dry_run:
        return 0
    try:
        found = find.train(
            config, brackets, out, width, budget, values.blocks, False, grid_file
        )
    except run.Interrupted as stopped:
        print(f"{stopped}; the same command goes on", file=sys.stderr)
        return command_line.INTERRUPTED
    return _say(found, out)


def _range(text: str) -> list[int]:
    parts = text.split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        raise ValueError(f"sizes={text!r} is not understood; write --sizes 300:2000")
    return [int(part) for part in parts]


def _say(report: list[Finding], out: str | Path) -> int:
    from jaxgrok.crossover.report import words

    for found in report:
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
