"""Export a network: `python -m jaxgrok.export RUN_DIR --cell seed=0 --out model.npz`.

RUN_DIR       a run directory with snapshots of the cell
--cell CELL   row of cells.csv, or axis values: weight_decay=1.0,train_fraction=0.3
--step N      a step that was kept; by default the last
--out FILE    the .npz to write, with TransformerLens' names; cfg.json comes beside it
"""

import sys
from pathlib import Path

from absl import flags

from jaxgrok.host import command_line


def main(argv: list[str]) -> int:
    """Parse, export, and return the exit code; bad input is one line and code 2."""
    return command_line.run(argv, __doc__, _run)


def _run(argv: list[str]) -> int:
    run_dir, values = _parse(argv)
    print(export(run_dir, values.cell, step=values.step, out=values.out))
    return 0


def _parse(argv: list[str]) -> tuple[str, flags.FlagValues]:
    """The run directory and the flags; ValueError for whatever is wrong."""
    values = flags.FlagValues()
    flags.DEFINE_string("cell", None, "which cell", flag_values=values)
    flags.DEFINE_integer(
        "step", None, "a step that was kept", lower_bound=0, flag_values=values
    )
    flags.DEFINE_string("out", None, "file to write", flag_values=values)
    rest = command_line.parse(values, argv)
    if len(rest) != 1:
        found = f"got {', '.join(rest)}" if rest else "none is given"
        raise ValueError(f"name one run directory; {found}")
    for name, example in (("cell", "seed=0"), ("out", "model.npz")):
        if not getattr(values, name):
            raise ValueError(f"--{name} is missing; write e.g. --{name} {example}")
    return rest[0], values


def export(run_dir: str, cell: str, *, step: int | None = None, out: str) -> str:
    """Write a cell's weights at a step (None: the last kept) and say what was written.

    Raises ValueError or FileNotFoundError, one line, for whatever does not exist.
    """
    from jaxgrok.circuits import transformerlens
    from jaxgrok.grid import selector
    from jaxgrok.models.transformer import Transformer
    from jaxgrok.results import snapshots
    from jaxgrok.results.manifest import read_manifest

    if not out.endswith(".npz"):
        raise ValueError(f"--out {out} must end in .npz")
    params = snapshots.load_params(run_dir, cell, step)
    described = read_manifest(Path(run_dir))
    index = selector.one([c.axes for c in described.cells], cell)
    task, model = described.network(index)
    if not isinstance(model, Transformer) or model.unembeddings > 1:
        raise ValueError(
            f"cell {cell}: TransformerLens has no such network; it takes a transformer "
            "with one unembedding"
        )
    seed = described.cells[index].lane["seed"]
    config = transformerlens.config_of(task, model, seed=seed)
    transformerlens.save_npz(out, params, config)
    count = sum(array.size for array in params.values())
    return f"cell {index}: {count:,} weights\n{out}, {Path(out).with_name('cfg.json')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv))
