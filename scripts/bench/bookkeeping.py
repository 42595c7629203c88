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
from collections.abc import Mapping
from typing import Any
from unittest import mock

import numpy as np
from absl import app, flags

from jaxgrok.host import machine

machine.prepare()

from jaxgrok import grid  # noqa: E402
from jaxgrok.engine.engine import Snapshot  # noqa: E402
from jaxgrok.sweep import estimate, run  # noqa: E402
from jaxgrok.training import records  # noqa: E402

CELLS = flags.DEFINE_list("cells", ["100", "1000", "3000", "10000"], "sizes of sweeps")
LANES = flags.DEFINE_integer("lanes", 64, "lanes of the engine")
PROFILE = flags.DEFINE_bool("profile", False, "tell where the time of the last goes")
EVALUATIONS = 60


class FakeEngine:
    """Stands for an engine: every cell memorises, then groks at the end."""

    def __init__(self, setup: Any, width: int) -> None:
        self.setup, self.width, self.lanes, self.devices = setup, width, LANES.value, 1
        self.offset = self.executed = self.busy = self.memory = 0
        self.n_parameters, self.shapes = 10_000, {}
        self.seconds = 0.0
        self._steps: dict[str, int] = {}
        matrices = ["W_E", "W_U"]
        self.columns = records.columns(setup, matrices)
        progress = np.linspace(0, 1, EVALUATIONS + 1, dtype=np.float32)
        curve = np.exp(-10 * progress)
        late = np.clip(5 * progress - 4, 0, 1)
        one = np.ones_like(progress)
        columns = [curve, np.clip(9 * progress, 0, 1), 9 * curve, late, curve, one, one]
        flags_ = [progress == 1, -one]
        self._records = np.stack([*columns, *flags_], 1).astype(np.float32)

    @property
    def cells(self) -> list[str]:
        return list(self._steps)

    @property
    def free(self) -> int:
        return self.lanes - len(self._steps)

    def admit(self, lanes: Mapping[str, Any]) -> dict[str, np.ndarray]:
        self._steps |= dict.fromkeys(lanes, 0)
        return dict.fromkeys(lanes, self._records[0])

    def release(self, cell: str) -> None:
        del self._steps[cell]

    def compact(self) -> None:
        pass

    def snapshot(self) -> Snapshot:
        return Snapshot(self.offset, [], [])

    def vectors(self, cells: Any) -> list[np.ndarray]:
        return []

    def advance(self, n_steps: int, *, chunks: int = 1) -> list[dict[str, np.ndarray]]:
        started = time.perf_counter()
        every = self.setup.eval_every
        n_steps = every if chunks > 1 else min(n_steps, every - self.offset)
        self.offset = (self.offset + n_steps) % every
        made = []
        if not self.offset:
            for _ in range(chunks):
                self._steps = {cell: done + 1 for cell, done in self._steps.items()}
                made.append({c: self._records[d] for c, d in self._steps.items()})
        self.seconds += time.perf_counter() - started
        return made


def sweep(n_cells: int) -> float:
    """Milliseconds a cell of a whole sweep."""
    config = grid.base("laptop")
    n_decays = max(n_cells // 100, 1)
    config.weight_decay = tuple(np.geomspace(0.1, 3, n_decays).round(6).tolist())
    config.seed = tuple(range(n_cells // n_decays))
    config.steps = (EVALUATIONS * config.eval_every,)
    engines = []

    def build(group: grid.Group, *_: Any) -> FakeEngine:
        engines.append(FakeEngine(group.setup, group.block_width))
        return engines[-1]

    with (
        tempfile.TemporaryDirectory() as out,
        mock.patch.object(estimate, "build", build),
        mock.patch.object(run, "lane_of", lambda *_, **__: None),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        started = time.perf_counter()
        dataset = run.run(config, out)
        seconds = time.perf_counter() - started
    assert (dataset.status == "done").all()
    return (seconds - engines[0].seconds) / n_cells * 1e3


def main(_: list[str]) -> None:
    found = {}
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
        found[text] = sweep(int(text))
        print(f"{int(text):8,d} cells {found[text]:8.3f} ms a cell", flush=True)
    print(json.dumps({"ms_per_cell": found}))


if __name__ == "__main__":
    app.run(main)
