"""Export from a run: `python -m jaxgrok.export RUN_DIR --cell seed=0 --out model.npz`.

RUN_DIR        a run directory, of a sweep that runs or has ended
--out FILE     the .npz to write: the weights of a cell with TransformerLens' names;
               cfg.json comes beside it
--cell CELL    row of cells.csv, or axis values: weight_decay=1.0,train_fraction=0.3
--step N       a step that was kept; by default the last
--grid FILE    a grid file that registers the run's task or model, if it is your own

--figure NAME draws a figure in place of weights, for a paper: one of a run (curves,
phase_diagram) or of one network (attention, neurons_2d), which needs its --cell.

--cell CELL    of a figure of a run: the cells to draw; by default all
--x AXIS, --y AXIS
               sides of the phase diagram and of circuit_measures
--format KIND  pdf, svg or png; by default as --out ends, or pdf
--out FILE     by default NAME.pdf

--to KIND writes the curves, axes and outcomes of cells; trackers get those that ended.

--to KIND      tensorboard or wandb: one tracker run a cell, its axes as
               hyper-parameters; netcdf: the dataset of jaxgrok.load in one file
--cell CELL    the cells; by default all
--out PATH     a new folder, for netcdf a file; by default RUN_DIR/KIND, RUN_DIR/data.nc
--project NAME of wandb; by default the run's name
"""

import sys
from typing import TYPE_CHECKING

from absl import flags

from jaxgrok.host import command_line
from jaxgrok.host.files.paths import AnyPath, as_path
from jaxgrok.host.terminal import number

if TYPE_CHECKING:
    from jaxgrok.results.run import Run

KINDS = ("tensorboard", "wandb", "netcdf")
OF_FIGURES = ("x", "y", "format")
EXAMPLES = {"cell": "seed=0", "out": "model.npz"}


def main(argv: list[str]) -> int:
    """Parse, export, and return the exit code; bad input is one line and code 2."""
    return command_line.run(argv, __doc__, _run)


def _run(argv: list[str]) -> int:
    """Parse and export; what is wrong raises ValueError."""
    run_dir, values = _parse(argv)
    # Imported late: --help and a wrong flag need no JAX.
    from jaxgrok.results.run import open_run

    # Before the run is opened: it may name a task or model of this file.
    if values.grid:
        from jaxgrok.grid.grid_file import load_registrations

        load_registrations(values.grid)
    run = open_run(run_dir)
    if values.figure:
        print(_figure(run, values))
    elif values.to:
        print(_to(run, values))
    else:
        from jaxgrok.export.weights import export_weights

        print(export_weights(run, values.cell, step=values.step, out=values.out))
    return 0


def _figure(run: "Run", values: flags.FlagValues) -> AnyPath:
    """Draw the figure that the flags name; return its file."""
    from jaxgrok.export.figures import export_figure

    kind = values.format or "pdf"
    out = as_path(values.out or f"{values.figure}.{kind}")
    if values.format and out.suffix.lower() != f".{kind}":
        raise ValueError(f"--out {out} does not end in .{kind}; leave --format out")
    return export_figure(
        run,
        values.figure,
        cell=values.cell,
        step=values.step,
        x=values.x,
        y=values.y,
        out=out,
    )


def _to(run: "Run", values: flags.FlagValues) -> str:
    """Write cells to a tracker or a file; return what was written, in words."""
    if values.to == "netcdf":
        from jaxgrok.export.netcdf import export_netcdf

        out = as_path(values.out or run.path / "data.nc")
        return str(export_netcdf(run, cell=values.cell, out=out))
    from jaxgrok.export import trackers

    out = as_path(values.out or run.path / values.to)
    if values.to == "tensorboard":
        count = trackers.export_tensorboard(run, cell=values.cell, out=out)
    else:
        count = trackers.export_wandb(
            run, cell=values.cell, out=out, project=values.project
        )
    return f"{number(count, 'cell')}\n{out}"


def _parse(argv: list[str]) -> tuple[str, flags.FlagValues]:
    """Return the run directory and the flags; ValueError for whatever is wrong."""
    values = flags.FlagValues()
    flags.DEFINE_string("cell", None, "which cell", flag_values=values)
    flags.DEFINE_integer(
        "step", None, "a step that was kept", lower_bound=0, flag_values=values
    )
    for name in ("out", "grid", "figure", "x", "y"):
        flags.DEFINE_string(name, None, name, flag_values=values)
    flags.DEFINE_enum(
        "format", None, ["pdf", "svg", "png"], "kind of file", flag_values=values
    )
    flags.DEFINE_enum("to", None, KINDS, "tracker", flag_values=values)
    flags.DEFINE_string("project", None, "of wandb", flag_values=values)
    arguments = command_line.parse(values, argv)
    if len(arguments) != 1:
        got = f"got {', '.join(arguments)}" if arguments else "none is given"
        raise ValueError(f"name one run directory; {got}")
    _check(values)
    return arguments[0], values


def _check(values: flags.FlagValues) -> None:
    """Refuse flags that are missing, or do not go together."""
    if values.figure and values.to:
        raise ValueError("--figure and --to are two exports: leave one of them out")
    for name, needs, is_there in (
        *((name, "--figure", values.figure) for name in OF_FIGURES),
        ("project", "--to wandb", values.to == "wandb"),
    ):
        if values[name].value and not is_there:
            raise ValueError(f"--{name} goes with {needs}")
    if values.to and values.step is not None:
        raise ValueError("--step does not go with --to, which writes whole curves")
    for name, example in EXAMPLES.items():
        if not (values.figure or values.to or values[name].value):
            raise ValueError(f"--{name} is missing; write e.g. --{name} {example}")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
