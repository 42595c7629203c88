"""What does a sweep's bookkeeping cost? Nothing is trained.

    python scripts/bench/bookkeeping.py

Runs sweeps of more and more cells with an engine that makes curves up in no time, so
that what is left is ours: the queue, curves, tables, shards, the manifest, progress and
figures. Every cell is evaluated 60 times, as a laptop training is. Prints milliseconds
a cell for each size, the engine's own time taken out; they should stay flat. About a
minute.
"""

import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from unittest import mock

import numpy as np
from absl import app, flags

from jaxgrok.host import machine

machine.prepare()

from jaxgrok import grid  # noqa: E402
from jaxgrok.engine import sizing  # noqa: E402
from jaxgrok.engine.engine import Records, ResumeState  # noqa: E402
from jaxgrok.fleet import busy_cells  # noqa: E402
from jaxgrok.sweep import run  # noqa: E402
from jaxgrok.training.records import schema  # noqa: E402
from jaxgrok.training.setup import Setup  # noqa: E402

CELLS = flags.DEFINE_list("cells", ["100", "1000", "3000", "10000"], "sizes of sweeps")
LANES = flags.DEFINE_integer("lanes", 64, "lanes of the engine")
PROFILE = flags.DEFINE_bool("profile", False, "tell where the time of the last goes")
EVALUATIONS = 60


class FakeEngine:
    """Stands for an engine: every cell memorises, then groks at the end."""

    def __init__(self, setup: Setup, width: int) -> None:
        self.shapes = {"W_E": (100, 50), "W_U": (50, 100)}
        self.setup, self.width, self.lanes = setup, width, LANES.value
        self.offset = self.executed = self.busy = 0
        self.seconds = 0.0
        self._evals: dict[str, int] = {}
        self.schema = schema(setup, list(self.shapes))
        progress = np.linspace(0, 1, EVALUATIONS + 1, dtype=np.float32)
        curve = np.exp(-10 * progress)
        late = np.clip(5 * progress - 4, 0, 1)
        one = np.ones_like(progress)
        # One array an entry of a record, in the schema's order: the plain curves, the
        # sum of squares of both matrices, the flags.
        plain = [curve, np.clip(9 * progress, 0, 1), 9 * curve, late, curve]
        entries = [*plain, one, one, progress == 1, -one]
        self._records = np.stack(entries, 1).astype(np.float32)

    @property
    def cells(self) -> list[str]:
        return list(self._evals)

    @property
    def free(self) -> int:
        return self.lanes - len(self._evals)

    def admit(self, lanes: Mapping[str, Any]) -> Records:
        self._evals |= dict.fromkeys(lanes, 0)
        return dict.fromkeys(lanes, self._records[0])

    def adopt(self, states: Mapping[str, ResumeState]) -> None:
        assert not states  # nothing is ever resumed here

    def release(self, cell_id: str) -> None:
        del self._evals[cell_id]

    def compact(self) -> None:
        pass

    def save(self, cell_ids: Collection[str] | None = None) -> dict[str, ResumeState]:
        state = ResumeState(self.offset, [np.zeros(1, np.float32)])
        return dict.fromkeys(self._evals if cell_ids is None else cell_ids, state)

    def vectors(self, cell_ids: Sequence[str]) -> list[np.ndarray]:
        assert not cell_ids  # no snapshots are asked for
        return []

    def advance(self, n_steps: int, *, chunks: int = 1) -> list[Records]:
        start = time.perf_counter()
        every = self.setup.eval_every
        n_steps = every if chunks > 1 else min(n_steps, every - self.offset)
        self.offset = (self.offset + n_steps) % every
        self.busy += len(self._evals) * n_steps * chunks
        self.executed = self.busy
        evaluations = []
        if not self.offset:
            for _ in range(chunks):
                self._evals = {name: count + 1 for name, count in self._evals.items()}
                evaluations.append(
                    {name: self._records[count] for name, count in self._evals.items()}
                )
        self.seconds += time.perf_counter() - start
        return evaluations


def sweep(n_cells: int) -> float:
    """Milliseconds a cell of a whole sweep."""
    config = grid.base("laptop")
    n_decays = max(n_cells // 100, 1)
    config.weight_decay = tuple(np.geomspace(0.1, 3, n_decays).round(6).tolist())
    config.seed = tuple(range(n_cells // n_decays))
    config.steps = (EVALUATIONS * config.eval_every,)
    engines = []

    def build(setup: Setup, *, block_width: int, **_: Any) -> FakeEngine:
        engines.append(FakeEngine(setup, block_width))
        return engines[-1]

    with (
        tempfile.TemporaryDirectory() as out,
        mock.patch.object(sizing, "build", build),
        mock.patch.object(busy_cells, "lane_of", lambda *_, **__: None),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        start = time.perf_counter()
        dataset = run.run(config, out)
        seconds = time.perf_counter() - start
    assert (dataset.status == "done").all()
    return (seconds - engines[0].seconds) / n_cells * 1e3


def main(_: list[str]) -> None:
    milliseconds = {}
    sweep(int(CELLS.value[0]))  # imports and first figures
    for text in CELLS.value:
        if PROFILE.value and text == CELLS.value[-1]:
            import cProfile

            with cProfile.Profile() as profile:
                sweep(int(text))
            profile.create_stats()
            import pstats

            pstats.Stats(profile, stream=sys.stdout).sort_stats("cumtime").print_stats(
                45
            )
            return
        milliseconds[text] = sweep(int(text))
        print(f"{int(text):8,d} cells {milliseconds[text]:8.3f} ms a cell", flush=True)
    print(json.dumps({"ms_per_cell": milliseconds}))


if __name__ == "__main__":
    app.run(main)
