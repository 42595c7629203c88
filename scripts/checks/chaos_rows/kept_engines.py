"""Engines that many sweeps of one process share, so that each compiles but once.

>>> with kept_engines(): jaxgrok.run(config, out)
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from jaxgrok.engine import sizing
from jaxgrok.engine.engine import Engine
from jaxgrok.training.setup import Setup


class Engines:
    """Compiled engines, by setup, width and blocks."""

    def __init__(self) -> None:
        self._engines: dict[tuple[Setup, int, int], Engine] = {}

    def get(self, setup: Setup, block_width: int, blocks: int) -> Engine:
        """Return an engine that nobody trains on."""
        key = setup, block_width, blocks
        if key not in self._engines:
            self._engines[key] = Engine(setup, block_width=block_width, blocks=blocks)
        engine = self._engines[key]
        # What an interrupted sweep left in its lanes is nobody's.
        for cell_id in engine.cells:
            engine.release(cell_id)
        engine.offset = engine.busy = engine.executed = 0
        return engine


@contextlib.contextmanager
def kept_engines(engines: Engines | None = None) -> Iterator[Engines]:
    """Let sweeps of this process take the place of engines that others have left."""
    kept, build = engines or Engines(), sizing.build

    def take(setup: Setup, *, block_width: int, blocks: int | None, **_: Any) -> Engine:
        return kept.get(setup, block_width, blocks or 1)

    sizing.build = take  # type: ignore[assignment]
    try:
        yield kept
    finally:
        sizing.build = build
