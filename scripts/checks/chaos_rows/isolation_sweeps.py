"""Random grids as sweeps, in full: every cell is what a sweep of it alone is.

Some sweeps are interrupted, and some are left by a callback that fails; the same call
goes on with both.
"""

import contextlib
import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import ml_collections

import jaxgrok
import tiny
from chaos_rows.kept_engines import Engines, kept_engines
from jaxgrok.results.files import final_states
from jaxgrok.results.files.final_states import FinalStates
from jaxgrok.results.finished_cell import CallbackFailed
from jaxgrok.results.run_cell import RunCell
from jaxgrok.sweep import coordinator, figures, run
from runs import StopAfter, assembled

VALUES: Mapping[str, tuple[Any, ...]] = {
    "seed": (0, 1, 2, 3, 4),
    "weight_decay": (1.0, 0.0, 1e3, 1e30),
    "learning_rate": (1e-3, 1e-2, 1.0, 1e30),
    "init_scale": (1.0, 0.0, 30.0, 1e30),
    "steps": (40, 20, 70),
    "n_train": (24, 1, 47),
    "beta2": (0.98, 0.999999, 0.0),
}
"""Values of an axis; the first two are mild."""
WIDTH = 2


class Outcome(NamedTuple):
    """What a sweep says of a cell."""

    records: bytes
    status: str
    row: str
    final: bytes


class Sweeps:
    """Sweeps of one kind in one process.

    Args:
        out: folder of their directories.
        fields: of all grids.
        engines: that are compiled already, perhaps.
    """

    def __init__(
        self, out: Path, fields: Mapping[str, Any], engines: Engines | None = None
    ) -> None:
        self._out, self._fields = out, dict(fields)
        self._engines = engines or Engines()
        self._alone: dict[str, Outcome] = {}
        self.cells = self.interrupted = self.failed_callbacks = self.finals = 0
        self.diverged = 0

    def faults(self, number: int, chance: random.Random, most_blocks: int) -> list[str]:
        """Train a random grid and each of its cells alone; say what differs."""
        axes = drawn_axes(chance, poison=self._fields.get("optimiser") == "poisoned")
        path, faults = self._out / f"grid-{number}", []
        self._train(path, axes, chance, most_blocks)
        opened = jaxgrok.open(path)
        budgets: dict[str, int] = {}
        for planned in opened.manifest.cells:
            steps = max(budgets.get(planned.kin, 0), planned.lane["steps"])
            budgets[planned.kin] = steps
        for index in range(len(opened)):
            cell = opened.cell(index)
            words = f"{axes}, cell {index} {cell.axes}"
            outcome, alone = outcome_of(cell), self._of_alone(cell, axes)
            if budgets[cell.cell.kin] > cell.cell.lane["steps"]:
                # Only the longest budget of a training leaves its state.
                outcome, alone = (o._replace(final=b"") for o in (outcome, alone))
            for name, here, there in zip(Outcome._fields, outcome, alone, strict=True):
                if here != there:
                    said = f"{here!r:.100} instead of {there!r:.100}"
                    faults.append(f"{words}: {name} {said}")
            faults += [f"{words}: {fault}" for fault in wrong_outcome(cell)]
            self.cells += 1
            self.finals += bool(outcome.final)
            self.diverged += outcome.status == "diverged"
        return faults

    def _train(
        self,
        path: Path,
        axes: Mapping[str, Any],
        chance: random.Random,
        most_blocks: int,
    ) -> None:
        """Train a grid, with interruptions, until it is done."""
        config, options = self._config(axes), {"quiet": True}
        while True:
            blocks, asked = chance.randint(1, most_blocks), chance.randint(1, 30)
            left = [chance.randint(1, 3)] if chance.random() < 0.3 else []

            def fail(cell: object, left: list[int] = left) -> None:
                if left and not (left.append(left.pop() - 1) or left[0]):
                    raise ConnectionError("no network")

            try:
                with kept_engines(self._engines), hurried(chance, asked):
                    jaxgrok.run(config, path, blocks=blocks, on_cell=fail, **options)
                return
            except CallbackFailed:
                self.failed_callbacks += 1
            except run.Interrupted:
                self.interrupted += 1

    def _of_alone(self, cell: RunCell, names: Iterable[str]) -> Outcome:
        """Return what comes of a cell whose sweep has no other."""
        cell_id = cell.cell.id
        if cell_id not in self._alone:
            path = self._out / f"alone-{cell_id}"
            # An axis of one value need not be among those of the cell.
            lane = cell.cell.lane
            fields = {*names, *cell.axes, "steps"} - {"budget"}  # one of them
            axes = {name: (lane[name],) for name in fields}
            with kept_engines(self._engines), hurried(None, 0):
                jaxgrok.run(self._config(axes), path, blocks=1, quiet=True)
            alone = jaxgrok.open(path).cell(0)
            assert alone.cell.id == cell_id, (alone, cell)
            self._alone[cell_id] = outcome_of(alone)
        return self._alone[cell_id]

    def _config(self, axes: Mapping[str, Any]) -> ml_collections.ConfigDict:
        fields = {"model": "transformer", "train_fraction": (), "n_train": (24,)}
        return tiny.config(**fields | self._fields | axes)


def drawn_axes(chance: random.Random, *, poison: bool) -> dict[str, tuple[Any, ...]]:
    """Draw the axes of a grid of at most a dozen cells."""
    axes: dict[str, tuple[Any, ...]] = {}
    for name in chance.sample(sorted(VALUES), 3):
        count = chance.choice((1, 2, 2, 3)) if len(axes) < 2 else 1
        axes[name] = tuple(chance.sample(VALUES[name], count))
    if poison and chance.random() < 0.7:
        axes |= {"poison": (1, 0), "poison_step": (chance.randint(0, 30),)}
    return axes


@contextlib.contextmanager
def hurried(chance: random.Random | None, asked: int) -> Iterator[None]:
    """Draw no figure; stop a sweep after so many questions, perhaps."""
    with contextlib.ExitStack() as stack:
        for target, name, value in (
            (figures, "redraw", assembled),
            (coordinator, "ANSWER_SECONDS", 0.0),
        ):
            stack.enter_context(mock.patch.object(target, name, value))
        if chance and chance.random() < 0.5:
            stops = contextlib.nullcontext(StopAfter(asked))
            stack.enter_context(mock.patch.object(run, "asked_to_stop", lambda: stops))
        yield


def outcome_of(cell: RunCell) -> Outcome:
    """Return what a run says of a cell, wherever it stands in its grid."""
    result = cell.run.results[cell.cell.id]
    row = next(row for row in cell.run.rows() if row["id"] == cell.cell.id)
    # Which row it is depends on the others, and so does what is called an axis.
    entries = {n: value for n, value in row.items() if n not in ("cell", "axes")}
    place = FinalStates(cell.run.path).place(cell.cell.kin, below=10**9)
    final = b""
    if place:
        leaves = final_states.read(cell.run.path, place).state.leaves
        final = b"".join(leaf.tobytes() for leaf in leaves)
    return Outcome(result.records.tobytes(), result.status, repr(entries), final)


def wrong_outcome(cell: RunCell) -> list[str]:
    """Say where a cell's status is not what its numbers make it."""
    result = cell.run.results[cell.cell.id]
    lane = cell.cell.lane
    # A poison at the last step is written after the last loss that counts.
    poisoned = lane.get("poison") and lane["poison_step"] < lane["steps"]
    # Weights of nothing have no gradient, so that no rate moves them.
    moved = lane["learning_rate"] == 1e30 and lane["init_scale"] > 0
    sure = poisoned or moved or lane["init_scale"] == 1e30
    mild = not lane.get("poison") and all(
        lane[name] in VALUES[name][:2]
        for name in ("weight_decay", "learning_rate", "init_scale", "beta2")
    )
    diverged = result.status == "diverged"
    faults = []
    if sure and not diverged and result.status == "done":
        faults.append(f"{result.status}, though it cannot but diverge")
    if mild and diverged:
        faults.append(f"{result.status}: {result.cause}")
    phase = next(r["phase"] for r in cell.run.rows() if r["id"] == cell.cell.id)
    if (phase == "diverged") != diverged:
        faults.append(f"status {result.status}, phase {phase}")
    return faults
