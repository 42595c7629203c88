"""How little data still groks?

python -m jaxgrok.crossover --grid crossover_modular

For every setting of a grid, the training-set size at which half of its seeds
generalise within the budget, with a 95% interval. The sizes are those of the grid's
n_train or train_fraction; a search trains the few of them that it needs.

--grid FILE[:SCALE]   a grid file or shipped grid, and a scale of it: laptop or post
--grid.FIELD=VALUE    override a field: --grid.weight_decay="(0.3, 1.0)"
--sizes LOW:HIGH[:N]  N sizes (24) from LOW to HIGH instead of the grid's
--width W             stop at an interval whose ends are a factor of W apart (1.25)
--budget N            lane-steps to spend in all; no limit by default
--known DIR           begin with what the trainings of another run directory say
--out DIR             run directory; run again, it goes on, or narrows the interval
--dry_run             print what would be searched and stop
--blocks N            blocks of lanes; by default one a device
--workers WHO         who trains, as in jaxgrok sweep
--key FILE            a secret that workers have to have too; or JAXGROK_FLEET_KEY
--mixed_bits          go on in a run directory whose results have other last bits

python -m jaxgrok.crossover DIR draws the crossovers of a run directory again, or reads
those of a sweep; of one that is not over, it writes nothing. With --width they are read
off the trainings anew.

Exit codes: 0, every training has its result; 1, some failed or could not be written; 2,
bad input; above 128, stopped by a signal. The same command then goes on.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from jaxgrok.fleet import workers
from jaxgrok.grid import overrides
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.host import background, command_line
from jaxgrok.host.files.folder_lock import refuse_held


def main(argv: list[str]) -> int:
    """Parse, search, and return the exit code.

    It is 0 if every training has its result, 1 if some failed, and 2, with one line,
    for bad input.
    """
    return command_line.run(argv, __doc__, _main)


def _main(argv: list[str]) -> int:
    """Read a run directory if one is named, else search a grid."""
    values = _flags()
    if len(argv) > 1 and not argv[1].startswith("-"):
        return _read(values, argv)
    command = command_line.text("crossover", argv)
    command_line.parse_known(values, argv)
    if values.out and not values.dry_run:
        # Before the grid is read, which imports jax.
        refuse_held(values.out)
    with workers.computing(values, argv):
        return _search(values, *overrides.parse(values, argv), command)


def _flags() -> flags.FlagValues:
    """Define the flags of the command."""
    values = flags.FlagValues()
    for name in ("out", "sizes", "known"):
        flags.DEFINE_string(name, None, name, flag_values=values)
    flags.DEFINE_float("width", None, "ratio to stop at", flag_values=values)
    for name in ("budget", "blocks"):
        flags.DEFINE_integer(name, None, name, lower_bound=1, flag_values=values)
    flags.DEFINE_bool("dry_run", False, "print the plan", flag_values=values)
    flags.DEFINE_bool("mixed_bits", False, "go on elsewhere", flag_values=values)
    workers.define(values)
    return values


def _read(values: flags.FlagValues, argv: list[str]) -> int:
    """Draw the crossovers of a run directory again, or read those of a sweep.

    Those of a run that is not over are printed alone: it would outgrow a table.
    """
    run_dir, *extra = command_line.parse(values, argv)
    if extra:
        raise ValueError(f"argument {extra[0]!r} is not understood; see --help")
    for name in values:
        if name != "width" and values[name].present:
            raise ValueError(f"--{name} needs --grid; DIR alone is only read")
    refuse_held(run_dir)
    # Late, here and below: jax reads its settings when it is imported, and it is
    # `command_line.run` that makes them. Without, a CPU would train on one device.
    from jaxgrok.crossover import find, report
    from jaxgrok.results.files import index
    from jaxgrok.results.rows import CROSSOVER
    from jaxgrok.results.run import open_run

    # Which intervals are narrow enough, a table says for its own width alone.
    rows = None if values["width"].present else report.read_table(run_dir)
    left = 0
    if rows is None:
        run = open_run(run_dir)
        rows = report.table(find.read(run, width=_width(values)))
        # A search that is over does not train all cells.
        is_over = index.has_table(run.path, CROSSOVER)
        left = 0 if is_over else len(run) - len(run.results)
    if left:
        _print(rows)
        print(f"so far: {left:,} of {len(run):,} cells have no result yet")
        return 0
    report.write(rows, run_dir)
    _print(rows, run_dir)
    return 0


def _search(
    values: flags.FlagValues, config: ConfigDict, grid_file: GridFile, command: str
) -> int:
    """Search a grid, or with --dry_run only say what would be searched."""
    out = values.out or grid_file.run_directory(config.scale)
    if not values.dry_run:
        refuse_held(out)
    from jaxgrok.crossover import find, report
    from jaxgrok.grid.train_sizes import sizes
    from jaxgrok.results.run import load
    from jaxgrok.sweep import failures, run
    from jaxgrok.sweep.options import Options

    if values.sizes is not None:
        config.n_train, config.train_fraction = sizes(*_range(values.sizes)), ()
    config, search = find.prepare(
        config, width=_width(values), budget=values.budget, known=values.known
    )
    headline = report.headline(config.scale, search.settings, search.width)
    if values.dry_run:
        _print_plan(headline, config, values.blocks)
        return 0
    print(headline, file=sys.stderr)
    options = Options(
        blocks=values.blocks,
        mixed_bits=values.mixed_bits,
        workers=values.workers,
        grid_file=grid_file,
        command=command,
    )
    try:
        findings = find.train(config, search, out, options)
    except run.Interrupted as interruption:
        print(f"{interruption}; the same command goes on", file=sys.stderr)
        return interruption.exit_code
    _print(report.table(findings), out)
    return failures.report(load(out))


def _width(values: flags.FlagValues) -> float:
    """Return --width, or the default."""
    from jaxgrok.crossover.find import WIDTH

    return WIDTH if values.width is None else float(values.width)


def _print_plan(headline: str, config: ConfigDict, blocks: int | None) -> None:
    """Say what would be searched, and what all of its trainings would cost."""
    from jaxgrok.grid.resolver import resolve
    from jaxgrok.sweep import plan

    grid = resolve(config)
    outline = plan.outline(grid, blocks)
    # Flushed: what follows takes as long as a program takes to compile.
    print(f"{headline}; the most that it trains:\n{outline}", flush=True)
    print(plan.measured(grid, blocks))


def _range(text: str) -> list[int]:
    """Parse LOW:HIGH or LOW:HIGH:N."""
    parts = text.split(":")
    # Python reads no more than 4,300 digits.
    numbers = [part for part in parts if part.isdecimal() and len(part) < 1000]
    if not 2 <= len(parts) <= 3 or numbers != parts:
        raise ValueError(
            f"sizes={text!r:.60} is not understood; write --sizes 300:2000"
        )
    return [int(part) for part in parts]


def _print(rows: Sequence[Mapping[str, Any]], out: str = "") -> None:
    """Print a line per setting, and where the table and the figure lie, if they do."""
    from jaxgrok.crossover.report import line
    from jaxgrok.results.rows import CROSSOVER, CROSSOVER_FIGURE

    for row in rows:
        print(line(row))
    if out:
        print(f"{out}/{CROSSOVER}, {out}/{CROSSOVER_FIGURE}")


if __name__ == "__main__":
    background.end_with(main(sys.argv))
