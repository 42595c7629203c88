"""Do two commits train the same networks, to the last bit?

    python scripts/checks/same_bits.py b13ab09 .            # against the working tree
    python scripts/checks/same_bits.py HEAD~1 HEAD --quick
    python scripts/checks/same_bits.py b13ab09 . --only mlp,optimisers

OLD and NEW are commits, or `.` for the working tree as it is. Each is copied into a
temporary folder, trains the sweeps of `short_sweeps.py` there, in processes and with
compiled programs of its own, and loads them with its own `jaxgrok.load` and
`load_trajectory`. All that these return is compared bit by bit (NaN equals NaN), and
the tables value by value; nothing in them tells a time. Cells are compared in their
order: their ids are left out. What only NEW has is told, and is no difference.

What OLD gave is kept in --cache, for this machine and these versions; NEW always
trains. Exit code 0 if all is the same, 1 if something differs or fails, 2 for bad
input.
"""

import argparse
import csv
import hashlib
import io
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from short_sweeps import SNAPSHOTS, STAGES

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path.home() / ".cache" / "jaxgrok-same-bits"
GRID = """import functools, runpy
def get_config(scale):
    config = runpy.run_path("sweeps/{name}.py")["get_config"](scale)
    for path, value in {changes}.items():
        *parts, field = path.split(".")
        functools.reduce(lambda part, key: part[key], parts, config)[field] = value
    return config
"""
DUMPED = 1
"""Counts changes of what `dump` returns."""


class Side(NamedTuple):
    """A checkout, and where its results are kept: for good, or until the end."""

    tree: Path
    results: Path


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def main() -> int:
    """Train what is not known, compare, tell; the exit code."""
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("old", help="a commit, or . for the working tree")
    parser.add_argument("new", help="a commit, or . for the working tree")
    parser.add_argument("--quick", action="store_true", help="everything cut down")
    parser.add_argument("--only", default=",".join(STAGES), help="mlp,multitask,...")
    parser.add_argument("--cache", type=Path, default=CACHE, help="results of OLD")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - STAGES.keys():
        parser.error(f"--only {min(unknown)} is none of {', '.join(STAGES)}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            old = check_out(options.old, Path(folder) / "old", options.cache)
            new = check_out(options.new, Path(folder) / "new")
        except ValueError as error:
            parser.error(str(error))
        same = [compare(name, old, new, options.quick) for name in names]
    return 0 if all(same) else 1


def check_out(commit: str, folder: Path, cache: Path | None = None) -> Side:
    """A copy of a commit, or of the working tree; ValueError if there is none."""
    tree = folder / "tree"
    if commit == ".":
        listed = git("ls-files", "-z", "-co", "--exclude-standard").split(b"\0")
        for name in filter(
            lambda name: (ROOT / name).is_file(), map(os.fsdecode, listed)
        ):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
        return Side(tree, folder / "results")
    reply = git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    full = reply.decode().strip()
    if not full:
        raise ValueError(f"{commit!r} is no commit here")
    with tarfile.open(fileobj=io.BytesIO(git("archive", full))) as archive:
        archive.extractall(tree, filter="data")
    return Side(tree, cache.absolute() / full if cache else folder / "results")


def git(*words: str) -> bytes:
    """What a git command says of this checkout; nothing if it fails."""
    return subprocess.run(["git", "-C", ROOT, *words], stdout=subprocess.PIPE).stdout


def results(side: Side, name: str, quick: bool) -> Path:
    """The folder of what a side's sweep gave, trained if it is not there yet."""
    scale, changes, less = STAGES[name]
    changes = SNAPSHOTS | changes | (less if quick else {})
    grid = GRID.format(name=name, changes=changes)
    digest = hashlib.sha256(repr((DUMPED, grid, scale, machine())).encode())
    folder = side.results / f"{name}-{digest.hexdigest()[:16]}"
    if not folder.exists():
        work = side.tree.parent / name
        work.mkdir()
        (work / "grid.py").write_text(grid)
        train(side.tree, work, scale)
        shutil.copytree(work / "dump", f"{folder}.part", dirs_exist_ok=True)
        os.rename(f"{folder}.part", folder)
        shutil.rmtree(work)
    return folder


def machine() -> tuple[Any, ...]:
    """What bits depend on besides the commit."""
    cpu = re.findall("^(?:model|cpu family).*", Path("/proc/cpuinfo").read_text(), re.M)
    packages = [version(name) for name in ("jax", "jaxlib", "optax", "flax", "numpy")]
    set_ = sorted(v for v in os.environ.items() if re.match("JAX|XLA|NPROC", v[0]))
    return sorted(set(cpu)), packages, set_, len(os.sched_getaffinity(0))


def train(tree: Path, work: Path, scale: str) -> None:
    """Run `inside` with the code of a checkout; RuntimeError if it fails."""
    own = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    own["JAX_COMPILATION_CACHE_DIR"] = str(tree.parent / "compiled")
    words = [sys.executable, __file__, "--inside", str(work), scale]
    done = subprocess.run(
        words, cwd=tree, env=os.environ | own, capture_output=True, text=True
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise RuntimeError(f"exit code {done.returncode}: {''.join(last)}")


def inside(work: Path, scale: str) -> None:
    """Do as `python -m jaxgrok.sweep` of the checkout does, and dump what it left."""
    command = "crossover" if work.name.startswith("crossover") else "sweep"
    sys.argv = [command, "--grid", f"{work}/grid.py:{scale}", "--out", f"{work}/run"]
    try:
        runpy.run_module(f"jaxgrok.{command}", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code:
            raise
    (work / "dump").mkdir()
    for table in (work / "run").glob("*.csv"):
        shutil.copy(table, work / "dump")
    np.savez(work / "dump" / "arrays.npz", **dump(work / "run"))


def dump(run_dir: Path) -> dict[str, Any]:
    """All that the checkout loads of a run directory, by name."""
    import jaxgrok

    if not Path(str(jaxgrok.__file__)).is_relative_to(Path.cwd()):
        raise SystemExit(f"{jaxgrok.__file__} is not the package of the checkout")
    dataset = jaxgrok.load(run_dir)
    dataset = dataset.transpose(*sorted(map(str, dataset.dims)))
    arrays = {str(name): array.values for name, array in dataset.variables.items()}
    for cell in range(dataset.id.size):
        try:
            steps, params = jaxgrok.load_trajectory(run_dir, cell)
        except ValueError:  # it has no snapshots
            continue
        arrays |= {
            f"cell {cell}: {n}": a for n, a in {"steps": steps, **params}.items()
        }
    return {n: a.astype(str) if a.dtype == object else a for n, a in arrays.items()}


def compare(name: str, old: Side, new: Side, quick: bool) -> bool:
    """Tell in a line how the sweeps of a stage differ; whether they do not."""
    print(f"{name:18s}", end=" ", flush=True)
    sides, times = [], [time.perf_counter()]
    for which, side in (("OLD", old), ("NEW", new)):
        try:
            sides.append(loaded(results(side, name, quick)))
        except RuntimeError as error:
            print(f"{which} failed: {error}", flush=True)
            return False
        times.append(time.perf_counter())
    words, same = verdict(*sides)
    print(f"{words}, {' + '.join(f'{t:.0f}' for t in np.diff(times))} s", flush=True)
    return same


def verdict(old: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> tuple[str, bool]:
    """What differs between two sides in words, and whether nothing does."""
    wrong = []
    for name, array in old.items():
        if words := difference(array, new.get(name)):
            wrong.append(f"{name}: {words}")
    summary = f"identical ({len(old)} arrays, {len(old['cells.csv: cell'])} cells)"
    if wrong:
        summary = "\n    ".join([f"{len(wrong)} of {len(old)} arrays differ", *wrong])
    added = [name for name in new if name not in old]
    return summary + (f"; only NEW has {', '.join(added)}" if added else ""), not wrong


def loaded(folder: Path) -> dict[str, np.ndarray]:
    """What a sweep left: arrays, and the columns of its tables, by name."""
    with np.load(folder / "arrays.npz") as arrays:
        columns = dict(arrays)
    # A hash of the fields' names and values, which may change with no bit of a result.
    columns.pop("id")
    for file in sorted(folder.glob("*.csv")):
        for name, *column in zip(
            *csv.reader(file.read_text().splitlines()), strict=True
        ):
            columns[f"{file.name}: {name}"] = parsed(column)
    return columns


def parsed(column: list[str]) -> np.ndarray:
    """A column of a table as numbers, or as it is if it has others."""
    try:
        return np.array([float(text or "nan") for text in column])
    except ValueError:
        return np.array(column)


def difference(old: np.ndarray, new: np.ndarray | None) -> str:
    """How two arrays differ and where first; "" if they do not."""
    if new is None:
        return "missing in NEW"
    if old.dtype != new.dtype and {old.dtype.kind, new.dtype.kind} != {"U"}:
        return f"{old.dtype} against {new.dtype}"
    if old.shape != new.shape:
        return f"shape {old.shape} against {new.shape}"
    unequal = old != new
    if old.dtype.kind == "f":
        first, second = (a.copy("C").view(f"u{a.itemsize}") for a in (old, new))
        unequal = (first != second) & ~(np.isnan(old) & np.isnan(new))
    if not unequal.any():
        return ""
    first_index = tuple(map(int, np.argwhere(unequal)[0]))
    count = f"{np.count_nonzero(unequal)} of {old.size} values"
    count += f", the first at {list(first_index)}: "
    return f"{count}{old[first_index]} against {new[first_index]}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(Path(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(main())
