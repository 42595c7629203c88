"""Dense checkpoints: parameters of chosen cells at chosen steps, read one cell a time.

Owns their files: shards of `checkpoints/`, each an orbax tree with one array [snaps,
parameters] a training, and a .json that lists its steps and makes it count. A training
is known by its kin (the cell without its budget), so that a longer budget finds what a
shorter one left. Trains nothing.

    >>> params = load_params("runs/mainline-post", "seed=0", step=5_000)
    >>> steps, params = load_trajectory("runs/mainline-post", {"seed": 0})
"""

import json
import math
import os
import shutil
import time
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgrok.grid import selector
from jaxgrok.grid.selector import Selector
from jaxgrok.host.atomic_files import write_atomically
from jaxgrok.results.manifest import read_manifest

SHARD_BYTES = 128_000_000
"""A shard is written when so much has come together: fewer are read faster."""
Shapes = Mapping[str, tuple[int, ...]]
Rows = dict[str, dict[int, np.ndarray]]
"""Training → step → its parameters as one vector."""


class Writer:
    """Collects snapshots of a run directory and writes them while training goes on.

    A context manager; leaving it waits for what is being written. `pending` holds what
    is on no shard yet: it belongs into the resume state.
    """

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / "checkpoints"
        self._written = {kin: set(steps) for kin, steps in _index(run_dir).items()}
        for path in self._folder.glob("*"):  # cut off before its .json came
            if path.is_dir() and not path.with_suffix(".json").exists():
                shutil.rmtree(path)
        self.pending: Rows = {}
        self._shapes: Shapes = {}
        self._pool = ThreadPoolExecutor(1)
        self._flying: Future[None] | None = None

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self.wait()

    def has(self, kin: str, step: int) -> bool:
        """Whether this snapshot is written, or pending."""
        return any(step in rows.get(kin, ()) for rows in (self._written, self.pending))

    def add(self, kin: str, step: int, vector: np.ndarray, shapes: Shapes) -> None:
        """Take a snapshot; starts a shard when enough have come together.

        A shard holds networks of one form.
        """
        if self.pending and shapes != self._shapes:
            self.flush()
        self._shapes = shapes
        self.pending.setdefault(kin, {})[step] = vector
        count = sum(len(rows) for rows in self.pending.values())
        if count * vector.nbytes >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Start to write what is pending, once the shard before it is written."""
        self.wait()
        if not self.pending:
            return
        rows, self.pending = self.pending, {}
        for kin, steps in rows.items():
            self._written.setdefault(kin, set()).update(steps)
        self._flying = self._pool.submit(_write, self._folder, rows, self._shapes)

    def wait(self) -> None:
        """Wait for the shard being written; raises what went wrong with it."""
        flying, self._flying = self._flying, None
        if flying:
            flying.result()


def _write(folder: Path, rows: Rows, shapes: Shapes) -> None:
    """Write one shard; it counts once its .json is there."""
    from orbax.checkpoint import v1 as ocp

    folder.mkdir(exist_ok=True)
    shard = folder / f"{time.time_ns():020d}-{os.getpid()}"
    tree = {kin: np.stack(list(steps.values())) for kin, steps in rows.items()}
    context = ocp.Context()
    context.array.saving.use_compression = False  # it gains a tenth and costs half
    with context:
        ocp.save(shard, tree)
    head = {
        "steps": {kin: list(steps) for kin, steps in rows.items()},
        "shapes": dict(shapes),
        "dtype": next(iter(tree.values())).dtype.name,
    }
    write_atomically(shard.with_suffix(".json"), json.dumps(head).encode())


def prune(run_dir: Path, keep: Container[str]) -> None:
    """Drop the snapshots of all trainings but some; the new shards come first."""
    for head in sorted((run_dir / "checkpoints").glob("*.json")):
        facts = json.loads(head.read_text())
        stay = {k: steps for k, steps in facts["steps"].items() if k in keep}
        if stay == facts["steps"]:
            continue
        if stay:
            arrays = _read(head, stay)
            rows = {
                k: dict(zip(steps, arrays[k], strict=True)) for k, steps in stay.items()
            }
            _write(run_dir / "checkpoints", rows, facts["shapes"])
        head.unlink()
        shutil.rmtree(head.with_suffix(""))


def load_params(
    run_dir: str | os.PathLike[str], cell: Selector, step: int | None = None
) -> dict[str, np.ndarray]:
    """Return a cell's parameters at a step, by their TransformerLens names.

    Args:
        run_dir: a run directory whose grid asked for snapshots of this cell.
        cell: an index of cells.csv, or a selector: "weight_decay=1.0,seed=0" or
            {"weight_decay": 1.0, "seed": 0}; it must fit one cell.
        step: one that was kept; by default the last.

    Raises ValueError for a cell or step that does not exist or was not kept, and
    FileNotFoundError where there is no run directory.
    """
    steps, where = _snapshots(Path(run_dir), cell)
    step = steps[-1] if step is None else step
    if step not in where:
        near = min(steps, key=lambda kept: abs(kept - step))
        raise ValueError(
            f"step={step} of cell {cell} was not kept; the nearest is {near}, the last "
            f"{steps[-1]} ({len(steps)} in all)"
        )
    return {name: array[0] for name, array in _gather([step], where).items()}


def load_trajectory(
    run_dir: str | os.PathLike[str], cell: Selector
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return a cell's snapshots: steps [snaps] and {name: [snaps, ...]}.

    Reads that cell's arrays alone. Arguments and errors as in `load_params`.
    """
    steps, where = _snapshots(Path(run_dir), cell)
    return np.array(steps), _gather(steps, where)


def steps_kept(run_dir: str | os.PathLike[str], cell: Selector) -> list[int]:
    """Return the steps of a cell's snapshots, ascending; errors as in `load_params`."""
    return _snapshots(Path(run_dir), cell)[0]


class _Place(NamedTuple):
    head: Path
    kin: str
    row: int


def _index(run_dir: Path) -> dict[str, dict[int, Any]]:
    """Training → step → where it lies, from the .json of every shard."""
    found: dict[str, dict[int, Any]] = {}
    for head in sorted((run_dir / "checkpoints").glob("*.json")):
        for kin, steps in json.loads(head.read_text())["steps"].items():
            places = {step: _Place(head, kin, row) for row, step in enumerate(steps)}
            found.setdefault(kin, {}).update(places)
    return found


def kept(run_dir: Path) -> set[str]:
    """The trainings (by kin) that have snapshots."""
    return set(_index(run_dir))


def cells_kept(run_dir: Path) -> list[int]:
    """The cells that have snapshots, by index; ValueError where none has."""
    cells, have = read_manifest(run_dir).cells, kept(run_dir)
    found = [index for index, cell in enumerate(cells) if cell.kin in have]
    if not found:
        raise ValueError(
            f"{run_dir}: no cell has snapshots; train with --grid.snapshots=all to "
            "keep them"
        )
    return found


def _snapshots(run_dir: Path, cell: Selector) -> tuple[list[int], dict[int, _Place]]:
    """Steps of a cell that were kept, ascending, and where they lie."""
    manifest = read_manifest(run_dir)
    index = selector.one([c.axes for c in manifest.cells], cell)
    chosen = manifest.cells[index]
    found = _index(run_dir)
    # Its kin may have gone on beyond this cell's budget.
    budget = chosen.lane["steps"]
    where = {s: at for s, at in found.get(chosen.kin, {}).items() if s <= budget}
    if not where:
        have = [i for i, c in enumerate(manifest.cells) if c.kin in found]
        others = f"cells {', '.join(map(str, have[:8]))}{' …' if have[8:] else ''} have"
        raise ValueError(
            f"{run_dir}: cell {cell} has no snapshots; "
            + (others if have else "train with --grid.snapshots=all to keep them")
        )
    return sorted(where), where


def _gather(steps: list[int], where: Mapping[int, _Place]) -> dict[str, np.ndarray]:
    """Read some steps of one training: {name: [snaps, ...]}."""
    heads = sorted({where[step].head for step in steps})
    kin = where[steps[0]].kin
    with ThreadPoolExecutor(4) as pool:
        read = pool.map(lambda head: _read(head, [kin])[kin], heads)
        shards = dict(zip(heads, read, strict=True))
    flat = np.stack([shards[where[step].head][where[step].row] for step in steps])
    params, start = {}, 0
    for name, shape in json.loads(heads[0].read_text())["shapes"].items():
        stop = start + math.prod(shape)
        params[name] = flat[:, start:stop].reshape(len(steps), *shape)
        start = stop
    return params


def _read(head: Path, kins: Iterable[str]) -> dict[str, np.ndarray]:
    """Arrays [snaps, parameters] of some trainings of a shard, and nothing else."""
    from orbax.checkpoint import v1 as ocp

    facts = json.loads(head.read_text())
    width = sum(math.prod(shape) for shape in facts["shapes"].values())
    wanted = {
        kin: np.empty((len(facts["steps"][kin]), width), facts["dtype"]) for kin in kins
    }
    context = ocp.Context()
    context.pytree.loading.partial_load = True
    with context:
        return ocp.load(head.with_suffix("").resolve(), wanted)
