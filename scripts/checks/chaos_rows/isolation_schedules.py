"""Cells in an engine in any order and company: their bits are those of each alone.

A schedule draws which cells start when and where, how a chunk is cut, which cell is
stopped, when lanes are packed together, and when all are saved and go on elsewhere.
"""

import dataclasses
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgrok.engine.engine import Engine, Records
from jaxgrok.training.lane import Lane

NAN, INF = float("nan"), float("inf")
VALUES: Mapping[str, Sequence[Any]] = {
    "seed": range(8),
    "n_train": (24, 1, 2, 47, 48),
    "steps": (40, 10, 20, 70),
    "learning_rate": (1e-3, 1e-2, 0.0, 1.0, 1e-40, 1e30, INF, NAN),
    "weight_decay": (1.0, 0.0, 1e3, 1e30, INF, NAN),
    "init_scale": (1.0, 0.0, 1e-30, 30.0, 1e30, INF, NAN),
    "beta1": (0.9, 0.0, 0.999999),
    "beta2": (0.98, 0.0, 0.999999),
}
"""Values of a cell; the first is that of most."""
MILD = {name: values[:2] for name, values in VALUES.items()} | {"seed": range(8)}
"""Values with which no cell diverges."""


@dataclasses.dataclass
class Training:
    """What came of a cell.

    Attributes:
        records: of its evaluations.
        final: bytes of its last state; None where it was not looked at.
        is_cut: whether it was stopped early.
    """

    records: list[np.ndarray] = dataclasses.field(default_factory=list)
    final: bytes | None = None
    is_cut: bool = False

    @property
    def diverged(self) -> bool:
        """What its last record says."""
        return bool(self.records[-1][-1] >= 0)

    def differs(self, alone: "Training") -> str:
        """Say what is not as in the same cell alone; "" if nothing is."""
        count = len(self.records)
        is_short = count < len(alone.records)
        if count > len(alone.records) or (is_short and not self.is_cut):
            return f"{count} evaluations, not {len(alone.records)}"
        for number, (one, other) in enumerate(
            zip(self.records, alone.records, strict=False)
        ):
            if one.tobytes() != other.tobytes():
                return f"evaluation {number}: {one} instead of {other}"
        if self.final is not None and self.final != alone.final:
            return "its last state"
        return ""


def numbers(chance: random.Random, base: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the numbers of a cell; half of all cells are mild."""
    values = MILD if chance.random() < 0.5 else VALUES
    drawn = {}
    for name, options in values.items():
        drawn[name] = chance.choice(options[:1] if chance.random() < 0.5 else options)
    drawn["seed"] = chance.choice(VALUES["seed"])
    if "poison" in base and values is VALUES:
        drawn |= {"poison": chance.randint(0, 2), "poison_step": chance.randint(0, 30)}
    return {**base, **drawn}


def looks_diverged(engine: Engine, training: Training) -> bool:
    """Tell by the curves whether a training loss was not finite."""
    rows = np.stack(training.records)
    losses = rows[:, engine.schema.columns("train_loss")]
    # The largest since the evaluation before; there is none at step 0.
    largest = rows[1:, engine.schema.columns("max_train_loss")]
    return bool(not np.isfinite(losses).all() or (~np.isfinite(largest)).any())


def without_payload(leaf: np.ndarray) -> np.ndarray:
    """Make all NaN of an array one NaN: its sign is the compiler's choice."""
    if not np.issubdtype(leaf.dtype, np.floating):
        return leaf
    return np.where(np.isnan(leaf), leaf.dtype.type(np.nan), leaf)


class Schedule:
    """One schedule.

    Args:
        engines: of one width; the cells may move from one to another.
        lanes: the cells, by name.
        chance: draws what happens; None for each cell after the other, as it comes.

    Attributes:
        trainings: what came of each cell.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        lanes: Mapping[str, Lane],
        chance: random.Random | None = None,
    ) -> None:
        self._engines, self._engine = engines, engines[0]
        self._lanes, self._chance = lanes, chance
        self._waiting = list(lanes)
        if chance:
            chance.shuffle(self._waiting)
            self._engine = chance.choice(engines)
        self.trainings = {name: Training() for name in lanes}
        self._every = self._engine.setup.eval_every
        self._train()

    def _happens(self, share: float) -> bool:
        return self._chance is not None and self._chance.random() < share

    def _train(self) -> None:
        while self._waiting or self._engine.cells:
            if not self._engine.offset:
                self._start()
            if self._happens(0.1):
                self._move()
            if self._engine.cells:
                self._advance()

    def _start(self) -> None:
        """Start cells, stop one, pack lanes."""
        room = min(self._engine.free, len(self._waiting))
        if self._happens(0.05) and self._engine.cells:
            assert self._chance
            name = self._chance.choice(self._engine.cells)
            self.trainings[name].is_cut = True
            self._engine.release(name)
        if self._happens(0.2):
            self._engine.compact()
        if not room:
            return
        least = 0 if self._engine.cells else 1
        count = self._chance.randint(least, room) if self._chance else 1
        names, self._waiting = self._waiting[:count], self._waiting[count:]
        self._take(self._engine.admit({name: self._lanes[name] for name in names}))

    def _move(self) -> None:
        """Save all lanes; they go on in other places, perhaps of another engine."""
        assert self._chance
        old, cells = self._engine, self._engine.cells
        fitting = [engine for engine in self._engines if engine.lanes >= len(cells)]
        states = list(old.save().items())
        for name in cells:
            old.release(name)
        old.offset = 0
        self._chance.shuffle(states)
        self._engine = self._chance.choice(fitting)
        self._engine.adopt(dict(states))

    def _advance(self) -> None:
        """Make some steps."""
        if not self._engine.offset and self._happens(0.15):
            first, second = self._engine.advance(self._every, chunks=2)
            # Those that ended in the first went on to the end of the second.
            self._take(first, is_last=False)
            self._take({name: second[name] for name in self._engine.cells})
            return
        steps = self._chance.choice((1, 3, 7, self._every)) if self._chance else 99
        for records in self._engine.advance(steps):
            self._take(records)

    def _take(self, records: Records, *, is_last: bool = True) -> None:
        """Keep records; cells that have ended give their lanes back."""
        ended = [name for name, record in records.items() if record[-2]]
        # Others go on for another chunk before anybody looks at their state.
        states = self._engine.save(ended) if is_last and ended else {}
        for name, record in records.items():
            self.trainings[name].records.append(record)
        for name in ended:
            if name in states:
                leaves = map(without_payload, states[name].leaves)
                self.trainings[name].final = b"".join(leaf.tobytes() for leaf in leaves)
            self._engine.release(name)
