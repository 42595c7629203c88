"""What would a TPU run? Compiles the engine's programs for one that is not there.

    pip install 'jaxgrok[tpu]'
    python scripts/bench/tpu_program.py --topology v5e --only mainline
    python scripts/bench/tpu_program.py --json tpu.json      # everything: hours

--topology KIND       v5e or v6e
--only NAME,...       grids, in place of everything: every kind of training among the
                      shipped grids at the post's scale, mainline at laptop scale and
                      all six programs of mainline
--scale NAME          post or laptop
--programs NAME,...   of initialise, train, evaluate, insert, extract, parameter_vector
--lanes N             lanes in all
--block_width N       lanes of a block; 0 for the default of a TPU
--precision NAME      of matrix products; the grid's by default
--save DIR            keep the compiled texts
--json FILE           every row, written after each

Prints the compiler's estimate of cycles, in all and by part, beside the floor: what the
matrix units need for the products alone. Then bytes, memory, operations that a TPU is
bad at, and the time to compile. Nothing is run and no clock is read. The last line is
one line of JSON on the first grid. Half a minute to a minute a program on two quiet
cores. Exit codes: 0; 1, a program did not compile; 2, bad input or no libtpu.
"""

import os
import sys

ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    # A program of a TPU that is not there belongs to no cache.
    "JAX_ENABLE_COMPILATION_CACHE": "0",
    # Without these libtpu looks for the host that it runs on. They fit a v6e as well.
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    # Compiling takes no TPU, so that processes side by side have nothing to lock.
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}
os.environ.update(ENVIRONMENT)  # before jax is imported

import dataclasses  # noqa: E402
import datetime  # noqa: E402
import importlib.util  # noqa: E402
import json  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from importlib.metadata import version  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from absl import flags  # noqa: E402

from jaxgrok import grid  # noqa: E402
from jaxgrok.grid import grid_file, shipped  # noqa: E402
from jaxgrok.grid.resolver import BLOCK_WIDTHS  # noqa: E402
from jaxgrok.host import command_line  # noqa: E402
from jaxgrok.training.precision import PRECISIONS  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
import tpu_compilation  # noqa: E402
import tpu_tables  # noqa: E402
from tpu_compilation import PROGRAMS  # noqa: E402
from tpu_floor import CHIPS  # noqa: E402

MAIN = "mainline"
DECISIVE = (
    *("regime", "batch_size", "loss", "optimiser", "measures"),
    *("precision", "dtype", "l1", "dropout"),
)
"""Fields of a setup, beside task and model, that make another kind of program."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A kind of training, and which of its programs to compile."""

    name: str
    setup: Any
    programs: tuple[str, ...]


def main(argv: list[str]) -> int:
    """Compile what was asked for, print the tables, and return the exit code."""
    return command_line.run(argv, __doc__, body, bare=True)


def body(argv: list[str]) -> int:
    """Parse the command line and go through the cases."""
    values = parse(argv)
    lanes = values.lanes
    width = values.block_width or min(BLOCK_WIDTHS["tpu"], lanes)
    if lanes % width:
        raise ValueError(
            f"lanes={lanes} must be a multiple of block_width={width}: "
            "every block is full"
        )
    if importlib.util.find_spec("libtpu") is None:
        raise ValueError("libtpu is not installed: pip install 'jaxgrok[tpu]'")
    work = [(case, program) for case in cases(values) for program in case.programs]
    conditions = {
        "topology": values.topology,
        "lanes": lanes,
        "block_width": width,
        "jax": version("jax"),
        "libtpu": version("libtpu"),
        "date": datetime.date.today().isoformat(),
    }
    print(
        f"The compiler's estimate for a {values.topology}, not a clock: {lanes} lanes "
        f"in blocks of {width}; jax {version('jax')}, libtpu {version('libtpu')}"
    )
    print(tpu_tables.cycles_header())
    size = tpu_compilation.Size(CHIPS[values.topology], lanes // width, width)
    rows = []
    for case, program in work:
        row = tpu_compilation.row(case.name, case.setup, program, size, values.save)
        rows.append(row)
        print(tpu_tables.cycles_line(row), flush=True)
        if values.json:
            content = conditions | {"rows": [dataclasses.asdict(row) for row in rows]}
            Path(values.json).write_text(json.dumps(content, indent=1))
    print(tpu_tables.sizes(rows))
    print(json.dumps(tpu_tables.summary(rows) | conditions))
    return 1 if any(row.error for row in rows) else 0


def parse(argv: list[str]) -> flags.FlagValues:
    """Read the command line; ValueError for whatever is wrong."""
    values = flags.FlagValues()
    for name, default, choices in (
        ("topology", "v5e", [*CHIPS]),
        ("scale", "post", ["post", "laptop"]),
        ("precision", None, PRECISIONS),
    ):
        flags.DEFINE_enum(name, default, choices, name, flag_values=values)
    for name in ("save", "json"):
        flags.DEFINE_string(name, None, name, flag_values=values)
    for name in ("only", "programs"):
        flags.DEFINE_list(name, [], name, flag_values=values)
    flags.DEFINE_integer("lanes", 16, "lanes", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("block_width", 0, "width", lower_bound=0, flag_values=values)
    words = command_line.parse(values, argv)
    if words:
        raise ValueError(f"argument {words[0]} is unknown; see --help")
    for program in values.programs:
        if program not in PROGRAMS:
            raise ValueError(
                f"programs={program} is unknown; choose of {', '.join(PROGRAMS)}"
            )
    if values.save:
        Path(values.save).mkdir(parents=True, exist_ok=True)
    return values


def cases(values: flags.FlagValues) -> Iterator[Case]:
    """Yield what to compile: grids that were named, or everything."""
    listed = tuple(values.programs)
    usual = listed or ("train", "evaluate")
    done: set[Any] = set()
    if values.only:
        for name in values.only:
            yield from kinds(name, values, values.scale, usual, done)
        return
    yield from kinds(MAIN, values, "post", listed or PROGRAMS, done)
    yield from kinds(MAIN, values, "laptop", usual, done)
    for name in shipped.names():
        yield from kinds(name, values, "post", usual, done)


def kinds(
    name: str,
    values: flags.FlagValues,
    scale: str,
    names: tuple[str, ...],
    done: set[Any],
) -> Iterator[Case]:
    """Yield the kinds of training of a grid that are not among those done; add them.

    Groups that differ by their train size, or by numbers of the task, are one kind; the
    first, with the smallest training set, stands for them.
    """
    config, file = grid_file.load(name, scale)
    if values.precision:
        config.precision = values.precision
    for group in grid.resolve(config).groups:
        setup = group.setup
        kind = (scale, type(setup.task), setup.model)
        kind += tuple(getattr(setup, field) for field in DECISIVE)
        if kind in done:
            continue
        done.add(kind)
        words = [file.name, *([scale] if scale != "post" else ())]
        words += [str(value) for value in group.cells[0].static.values()]
        words += [switch for switch in ("l1", "dropout") if getattr(setup, switch)]
        yield Case(" ".join(words), setup, names)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
