"""Run a grid: `python -m jaxgrok.sweep --grid sweeps/wd_vs_frac.py`.

--grid FILE[:SCALE]   the grid file, and a scale of it: laptop or post
--grid.FIELD=VALUE    override a field: --grid.modulus=59 --grid.seed="(0, 1, 2)"
--out DIR             run directory; run again, it goes on where it was
--dry_run             print the plan and stop
--blocks N            blocks of lanes; by default one a device
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import config_flags

from jaxgrok import environment

USAGE = 2
INTERRUPTED = 130


def main(argv: list[str]) -> int:
    """Parse, run, and return the exit code; bad input is one line and code 2."""
    if not argv[1:] or {"-h", "--help", "-help"} & set(argv[1:]):
        print(__doc__.strip())
        return 0 if argv[1:] else USAGE
    environment.prepare()
    try:
        values, name = _parse(argv)
        return _run(values, name)
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return USAGE


def _parse(argv: list[str]) -> tuple[flags.FlagValues, str]:
    """Parse the flags and load the grid file; ValueError for whatever is wrong."""
    values = flags.FlagValues()
    grid = next((a.split("=", 1) for a in argv if a.startswith("--grid=")), None)
    if "--grid" in argv[:-1]:
        grid = ["--grid", argv[argv.index("--grid") + 1]]
    if grid is None:
        raise ValueError(
            "--grid is missing: name a grid file, e.g. sweeps/wd_vs_frac.py"
        )
    file = grid[1].split(":", 1)[0]
    if not Path(file).is_file():
        raise ValueError(f"--grid {file}: there is no such file")
    for argument in argv:
        field, _, value = argument.partition("=")
        if field.startswith("--grid.") and value.lstrip().startswith("["):
            raise ValueError(
                f"{field[7:]}={value} is a list; axes are tuples: "
                f'write {field}="({value.strip().strip("[]")},)"'
            )
    config_flags.DEFINE_config_file("grid", flag_values=values, sys_argv=argv)
    flags.DEFINE_string("out", None, "run directory", flag_values=values)
    flags.DEFINE_bool("dry_run", False, "print the plan", flag_values=values)
    flags.DEFINE_integer("blocks", None, "blocks of lanes", flag_values=values)
    try:
        rest = values(argv)
    except flags.Error as error:
        raise ValueError(str(error)) from None
    except AttributeError as error:
        raise ValueError(_unknown_field(file, error)) from None
    except Exception as error:  # a grid file is user code: anything can come out of it
        raise ValueError(f"--grid {file}: {type(error).__name__}: {error}") from None
    if rest[1:]:
        raise ValueError(f"argument {rest[1]!r} is not understood; see --help")
    _empty_the_other(argv, values.grid)
    return values, Path(file).stem


def _unknown_field(file: str, error: AttributeError) -> str:
    return f"--grid {file}: no field {error} (or the file itself fails); see grid.base"


def _empty_the_other(argv: list[str], config: Any) -> None:
    """`--grid.n_train=…` replaces the file's fractions, and the other way round."""
    given = {a.partition("=")[0].removeprefix("--grid.") for a in argv}
    for name, other in (("n_train", "train_fraction"), ("train_fraction", "n_train")):
        if name in given and other not in given:
            config[other] = ()


def _run(values: flags.FlagValues, name: str) -> int:
    from jaxgrok import plan, runner
    from jaxgrok.grid import resolve

    config = values.grid
    if values.dry_run:
        print(plan.describe(resolve(config), values.blocks))
        return 0
    out = values.out or f"runs/{name}-{config.scale}"
    try:
        dataset = runner.run(config, out, blocks=values.blocks)
    except runner.Interrupted as stopped:
        print(f"{stopped}; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    print(summary(dataset, out))
    return 0


def summary(dataset: Any, out: str) -> str:
    """What came out, in a few lines."""
    phases = Counter(dataset.phase.values.ravel().tolist())
    counts = ", ".join(f"{n} {phase or 'failed'}" for phase, n in phases.most_common())
    return (
        f"{dataset.phase.size} cells: {counts}\n"
        f"{out}/cells.csv, {out}/plots/phase_diagram.png"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
