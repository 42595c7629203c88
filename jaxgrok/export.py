"""Export a network: `python -m jaxgrok.export RUN_DIR --cell seed=0 --out model.npz`.

RUN_DIR       a run directory with snapshots of the cell
--cell CELL   row of cells.csv, or axis values: weight_decay=1.0,train_fraction=0.3
--step N      a step that was kept; by default the last
--out FILE    the .npz to write, with TransformerLens' names; cfg.json comes beside it
--grid FILE   a grid file that registers the run's task or model, if it is your own
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from jaxgrok.host import command_line

if TYPE_CHECKING:
    from jaxgrok.grid.selector import Selector
    from jaxgrok.results.run import RunOrPath


def main(argv: list[str]) -> int:
    """Parse, export, and return the exit code; bad input is one line and code 2."""
    return command_line.run(argv, __doc__, _run)


def _run(argv: list[str]) -> int:
    """Parse and export; what is wrong raises ValueError."""
    run_dir, values = _parse(argv)
    # Before the run is opened: it may name a task or model of this file.
    if values.grid:
        from jaxgrok.grid.grid_file import load_registrations

        load_registrations(values.grid)
    print(export_weights(run_dir, values.cell, step=values.step, out=values.out))
    return 0


def _parse(argv: list[str]) -> tuple[str, flags.FlagValues]:
    """Return the run directory and the flags; ValueError for whatever is wrong."""
    values = flags.FlagValues()
    flags.DEFINE_string("cell", None, "which cell", flag_values=values)
    flags.DEFINE_integer(
        "step", None, "a step that was kept", lower_bound=0, flag_values=values
    )
    flags.DEFINE_string("out", None, "file to write", flag_values=values)
    flags.DEFINE_string("grid", None, "file with registrations", flag_values=values)
    arguments = command_line.parse(values, argv)
    if len(arguments) != 1:
        got = f"got {', '.join(arguments)}" if arguments else "none is given"
        raise ValueError(f"name one run directory; {got}")
    for name, example in (("cell", "seed=0"), ("out", "model.npz")):
        if not getattr(values, name):
            raise ValueError(f"--{name} is missing; write e.g. --{name} {example}")
    return arguments[0], values


def export_weights(
    run: "RunOrPath",
    selector: "Selector",
    *,
    step: int | None = None,
    out: str | os.PathLike[str],
) -> str:
    """Write a cell's weights under TransformerLens' names, and cfg.json beside them.

    Args:
        run: a run or its directory.
        selector: the cell, as in `Run.cell`.
        step: of a snapshot; the last by default.
        out: the .npz to write.

    Returns:
        Two lines that say what was written.

    Raises:
        ValueError: there is no such cell or snapshot, or TransformerLens has no such
            network.
        FileNotFoundError: there is no run directory.
    """
    # Imported late: --help and a wrong flag need no JAX.
    from jaxgrok.circuits.weights.transformerlens import config_of, save_npz
    from jaxgrok.host.atomic_files import check_writable
    from jaxgrok.models.transformer import Transformer
    from jaxgrok.results.run import open_run

    path = Path(out)
    if path.suffix != ".npz":
        raise ValueError(f"--out {out} must end in .npz")
    check_writable(path.parent)
    cell = open_run(run).cell(selector)
    params = cell.params(step)
    # A model of several tasks may unembed each by a matrix of its own.
    if not isinstance(cell.model, Transformer) or cell.model.unembeddings > 1:
        raise ValueError(
            f"cell {cell.index}: TransformerLens has no such network; it takes a "
            "transformer with one unembedding"
        )
    config = config_of(cell.task, cell.model, seed=cell.cell.lane["seed"])
    save_npz(path, params, config)
    count = sum(array.size for array in params.values())
    return f"cell {cell.index}: {count:,} weights\n{out}, {path.with_name('cfg.json')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv))
