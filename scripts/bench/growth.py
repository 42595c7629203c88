"""How does a lane-step grow with everything that can grow?

    python scripts/bench/growth.py --out docs/growth.png

From one model (x + y mod 47, the laptop's; or the post's with --scale post), one thing
at a time: lanes in one block, blocks of the default width, training examples, modulus,
d_model and layers. Times, interleaved, full engines, without evaluations and without
the fixed cost of a dispatch; memory is what the compiled programs ask for, and beside
it what the process took at its peak (of the host's memory: on a GPU it says nothing).
Prints the table, draws the figure, and ends with one line of JSON. About 10 minutes on
two cores.
"""

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from absl import app, flags

from jaxgrok.host import machine

machine.prepare()

import jax  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib import ticker  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from jaxgrok import grid  # noqa: E402
from jaxgrok.engine.engine import Engine  # noqa: E402
from jaxgrok.training.setup import lane_of  # noqa: E402

SCALE = flags.DEFINE_enum("scale", "laptop", ["post", "laptop"], "where to start from")
ROUNDS = flags.DEFINE_integer("rounds", 5, "interleaved rounds; medians are reported")
SECONDS = flags.DEFINE_float("seconds", 0.4, "least time of a measurement")
MOST = flags.DEFINE_float("memory", 6.0, "GB that one program may ask for")
ONLY = flags.DEFINE_list("only", [], "panels to measure, without a figure: layers")
OUT = flags.DEFINE_string("out", None, "draw the figure to this PNG")

WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
BLOCKS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Per device, of the default width."""


class Case(NamedTuple):
    """What is changed from where we start: fields, and the engine's shape."""

    what: str
    value: int
    fields: dict[str, Any]
    width: int = 0
    blocks: int = 1


def cases() -> Iterator[Case]:
    post = SCALE.value == "post"
    for width in WIDTHS:
        yield Case("lanes in a block", width, {}, width=width)
    for blocks in BLOCKS:
        yield Case("blocks a device", blocks, {}, blocks=blocks)
    most = 113 if post else 47
    for share in (0.05, 0.1, 0.2, 0.4, 0.8):
        n_train = round(share * most**2)
        yield Case("n_train", n_train, {"n_train": (n_train,), "train_fraction": ()})
    for p in (29, 59, 113, 199) if post else (29, 37, 47, 71, 97):
        fields = {"modulus": p, "n_train": (600,), "train_fraction": ()}
        yield Case("modulus p", p, fields)
    for d in (64, 128, 256) if post else (16, 32, 64, 128, 256):
        yield Case("d_model", d, {"d_model": d, "d_head": d // 4, "d_mlp": 4 * d})
    for layers in (1, 2, 3) if post else (1, 2, 3, 4):
        yield Case("layers", layers, {"layers": layers})


class Loaded:
    """A full engine of a case."""

    def __init__(self, case: Case) -> None:
        before, self.case = _status("VmRSS"), case
        config = grid.base(SCALE.value)
        config.update(case.fields)
        (group,) = grid.resolve(config).groups
        setup = dataclasses.replace(group.setup, eval_every=10**6)
        width = case.width or group.block_width
        blocks = case.blocks * jax.local_device_count()
        self.engine = Engine(setup, block_width=width, blocks=blocks)
        lane = lane_of(setup, **group.cells[0].lane)
        self.engine.admit({str(i): lane for i in range(self.engine.lanes)})
        self._steps = 2
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        self.time()
        self.engine.offset = setup.eval_every  # an evaluation is due
        self.engine.advance(1)
        self.peak = _status("VmHWM") - before
        """Bytes that the process took more than before."""
        while self.time() * self._steps * self.engine.lanes < SECONDS.value:
            self._steps *= 2

    def time(self) -> float:
        """Seconds a lane-step: of a dispatch's further steps, after its first."""
        more = self._seconds(1 + self._steps) - self._seconds(1)
        return more / self._steps / self.engine.lanes

    def _seconds(self, n_steps: int) -> float:
        self.engine.offset = 0  # never reach an evaluation
        start = time.perf_counter()
        self.engine.advance(n_steps)
        return time.perf_counter() - start


def _status(name: str) -> int:
    """Bytes that Linux reports of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(v.split()[1]) for v in lines if v.startswith(name))


class Point(NamedTuple):
    """What was measured of a case: lanes, ms a lane-step, MB a lane and at its peak."""

    value: int
    lanes: int
    ms: float
    mb: float
    peak: float


def measure(panel: list[Case]) -> list[Point]:
    """Time the cases of one panel, interleaved; those too large are left out."""
    loaded: list[Loaded] = []
    for case in panel:
        one = Loaded(case)
        loaded.append(one)
        if 2 * (one.engine.memory or 0) * one.engine.devices > MOST.value * 1e9:
            break  # the next is larger
    rounds = [[one.time() for one in loaded] for _ in range(ROUNDS.value)]
    return [
        Point(
            one.case.value,
            one.engine.lanes,
            float(median) * 1e3,
            (one.engine.memory or np.nan) * one.engine.devices / one.engine.lanes / 1e6,
            one.peak / one.engine.lanes / 1e6,
        )
        for one, median in zip(loaded, np.median(rounds, axis=0), strict=True)
    ]


def draw(panels: dict[str, list[Point]], title: str) -> Figure:
    """Milliseconds a lane-step (and megabytes a lane) against each thing."""
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    figure.suptitle(title)
    for axes, (what, points) in zip(
        figure.subplots(2, 3).flat, panels.items(), strict=True
    ):
        values = [point.value for point in points]
        axes.loglog(values, [p.ms for p in points], "o-", color="#0072b2")
        axes.set_xlabel(what)
        axes.set_ylabel("ms a lane-step", color="#0072b2")
        axes.set_ylim(bottom=min(p.ms for p in points) / 2)
        axes.set_ylim(top=max(p.ms for p in points) * 2)
        memory = axes.twinx()
        memory.loglog(values, [p.mb for p in points], "s--", color="#d55e00")
        # After both were drawn, for drawing sets the ticks of the shared axis anew.
        axes.set_xticks(values, [f"{value:,}" for value in values], rotation=45)
        axes.xaxis.set_minor_locator(ticker.NullLocator())
        memory.set_ylabel("MB a lane", color="#d55e00")
        memory.set_ylim(min(p.mb for p in points) / 3, max(p.mb for p in points) * 3)
        for side in (axes, memory):
            side.yaxis.set_major_formatter(ticker.ScalarFormatter())
            side.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            side.yaxis.set_minor_formatter(ticker.NullFormatter())
    return figure


def main(_: list[str]) -> None:
    groups: dict[str, list[Case]] = {}
    for case in cases():
        if not ONLY.value or case.what in ONLY.value:
            groups.setdefault(case.what, []).append(case)
    panels = {}
    for what, panel in groups.items():
        panels[what] = measure(panel)
        print(f"\n{what:18s}    lanes  ms a lane-step  MB a lane    at peak")
        for point in panels[what]:
            value, lanes, ms, mb, peak = point
            row = f"{value:18,d} {lanes:8d} {ms:15.3f} {mb:10.2f} {peak:10.2f}"
            print(row, flush=True)
    device = f"{jax.local_device_count()} × {jax.local_devices()[0].device_kind}"
    if OUT.value and not ONLY.value:
        title = f"x + y, {SCALE.value} scale, {device}"
        draw(panels, title).savefig(OUT.value, dpi=130)
    results = {what: [p._asdict() for p in points] for what, points in panels.items()}
    print(json.dumps({"scale": SCALE.value, "device": device, "panels": results}))


if __name__ == "__main__":
    app.run(main)
