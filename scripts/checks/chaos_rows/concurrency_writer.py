"""Sweeps that grow, one after the other, until this process is ended.

    python concurrency_writer.py FOLDER

FOLDER/current names the run directory. Each sweep adds a cell to it; every other one
keeps the snapshots of one cell a phase alone, which removes those of the others. After
a while the next directory begins. All that runs write now and then is written at once.
"""

import itertools
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = map(str, (ROOT, ROOT / "tests", ROOT / "scripts" / "checks"))

import ml_collections  # noqa: E402

import jaxgrok  # noqa: E402

jaxgrok.prepare()

import tiny  # noqa: E402
from chaos_rows.kept_engines import kept_engines  # noqa: E402
from jaxgrok.fleet import chores  # noqa: E402
from jaxgrok.results.files import cell_table  # noqa: E402
from jaxgrok.results.files.manifest import read_manifest  # noqa: E402

MOST = 6
"""Cells of a directory."""
FIELDS = {"model": "mlp"} if os.environ["MODEL"] == "mlp" else {"measures": "fourier"}
"""Of the grids; an MLP without measures, for the short form, compiles sooner."""


def main(folder: Path) -> None:
    """Train until somebody ends this."""
    names = ("status", "flush", "tables", "manifest", "save", "redraw")
    chores.PERIODS |= dict.fromkeys(names, chores.Period(0.0, 1))
    begun = int((folder / "current").read_text() or 0)
    with kept_engines():
        for number in itertools.count(begun):
            partial = folder / f".current.{os.getpid()}.tmp"
            partial.write_text(str(number))
            os.replace(partial, folder / "current")
            # As of a large run: the cells lie in a file of their own, and are replaced.
            cell_table.MANY = (2, 100)[number % 2]
            grow(folder / f"run-{number}")


def grow(out: Path) -> None:
    """Train more and more cells in one directory, which may have some already."""
    for count in range(max(n_cells(out), 1), MOST + 1):
        config = tiny.config(
            seed=tuple(range(count)),
            steps=(200,),
            **FIELDS,
            snapshots=("all", "phases")[count % 2],
            snapshot_every=20,
            stop="steps",
        )
        while not trained(config, out):
            time.sleep(0.05)


def n_cells(out: Path) -> int:
    """Return how many cells a directory has, those that a killed writer planned too."""
    try:
        return len(read_manifest(out).cells)
    except FileNotFoundError:
        return 0


def trained(config: ml_collections.ConfigDict, out: Path) -> bool:
    """Train, unless somebody else has the lock, who came between two sweeps."""
    try:
        jaxgrok.run(config, out, blocks=1, quiet=True)
    except ValueError as error:
        if "is held by" not in str(error):
            raise
        return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]))
