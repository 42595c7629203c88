"""Run a grid: `python -m jaxgrok.sweep --grid wd_vs_frac`.

--grid FILE[:SCALE]   a grid file or shipped grid, and a scale of it: laptop or post
--grid.FIELD=VALUE    override a field: --grid.modulus=59 --grid.seed="(0, 1, 2)"
--out DIR             run directory; run again, it goes on where it was
--dry_run             print the plan and stop
--blocks N            blocks of lanes; by default one a device
--workers WHO         who trains: local (this process, the default), a number of
                      processes to start, or listen[:HOST[:PORT]] for machines that
                      run python -m jaxgrok.worker
--key FILE            a secret that workers have to have too; or JAXGROK_FLEET_KEY
--mixed_bits          go on in a run directory whose results have other last bits

Exit codes: 0, every cell has its result (that it diverged is one); 1, some failed or
could not be written, or memory ran out; 2, bad input; above 128, stopped by a signal.
The same command then goes on.
"""

import functools
import sys
from typing import TYPE_CHECKING

import ml_collections
from absl import flags

from jaxgrok.fleet import workers
from jaxgrok.grid import overrides
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.host import background, command_line
from jaxgrok.host.files.folder_lock import refuse_held
from jaxgrok.host.files.paths import as_path
from jaxgrok.host.signals import AskedToStop, asked_to_stop
from jaxgrok.host.terminal import number

if TYPE_CHECKING:
    import xarray as xr


def main(argv: list[str]) -> int:
    """Parse, run, and return the exit code.

    It is 0 if every cell has its result, 1 if some failed, and 2, with one line, for
    bad input.
    """
    return command_line.run(argv, __doc__, _main)


def _main(argv: list[str]) -> int:
    """Parse and run."""
    values = _flags()
    command_line.parse_known(values, argv)
    if values.out and not values.dry_run:
        # Before the grid is read, which imports jax.
        refuse_held(values.out)
    with workers.computing(values, argv):
        config, grid_file = overrides.parse(values, argv)
        return _run(values, config, grid_file, command_line.text("sweep", argv))


def _flags() -> flags.FlagValues:
    """Define the flags of the command."""
    values = flags.FlagValues()
    flags.DEFINE_string("out", None, "run directory", flag_values=values)
    flags.DEFINE_bool("dry_run", False, "print the plan", flag_values=values)
    flags.DEFINE_bool("mixed_bits", False, "go on elsewhere", flag_values=values)
    workers.define(values)
    flags.DEFINE_integer(
        "blocks", None, "blocks of lanes", lower_bound=1, flag_values=values
    )
    return values


def _run(
    values: flags.FlagValues,
    config: ml_collections.ConfigDict,
    grid_file: GridFile,
    command: str,
) -> int:
    out = values.out or grid_file.run_directory(config.scale)
    if not values.dry_run:
        refuse_held(out)
    # Imported late: --help and a mistyped flag should not wait for jax.
    from jaxgrok.grid.resolver import resolve
    from jaxgrok.sweep import failures, plan, run

    if values.dry_run:
        grid = resolve(config)
        # Flushed: what follows takes as long as a program takes to compile.
        print(plan.outline(grid, values.blocks, as_path(out)), flush=True)
        print(plan.measured(grid, values.blocks))
        return 0
    try:
        dataset = run.run(
            config,
            out,
            blocks=values.blocks,
            mixed_bits=values.mixed_bits,
            workers=values.workers,
            grid_file=grid_file,
            command=command,
        )
    except run.Interrupted as stopped:
        print(f"{stopped}; the same command goes on", file=sys.stderr)
        return stopped.exit_code
    print(summary(dataset, out))
    if config.snapshots != "none" and (code := _read_circuits(out)):
        return code
    return failures.report(dataset)


def _read_circuits(out: str) -> int:
    """Read the circuits of the cells that have snapshots; the exit code if stopped."""
    with asked_to_stop() as stop:
        try:
            stop.broken_off(functools.partial(_survey, out))
        except AskedToStop:
            print("stopped; the same command reads the circuits", file=sys.stderr)
            return stop.exit_code
    return 0


def _survey(out: str) -> None:
    """Read circuits, if the task has any, and write the page with them."""
    from jaxgrok.report import page

    _write_circuits(out)
    page.rewrite(out)


def _write_circuits(out: str) -> None:
    """Read the circuits of the cells that have snapshots, if the task has any."""
    from jaxgrok.analyse import induction_heads, survey

    if induction_heads.reads(out):
        print(induction_heads.survey(out, quiet=False))
        return
    try:
        rows = survey.survey(out, quiet=False)
    except ValueError as error:
        # Not every task has circuits. The sweep itself is done, so its code stays 0.
        print(f"no circuits: {error}")
        return
    path = survey.write_survey(rows, out)
    print(f"{survey.count(rows)}\n{path}")


def summary(dataset: "xr.Dataset", out: str) -> str:
    """Say in a few lines what came out."""
    from jaxgrok.results.dataset import label_counts

    return (
        f"{number(dataset.phase.size, 'cell')}: {label_counts(dataset)}\n"
        f"{out}/cells.csv, {out}/plots/phase_diagram.png, {out}/report.html"
    )


if __name__ == "__main__":
    background.end_with(main(sys.argv))
