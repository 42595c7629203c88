"""jaxgrok's own engine, for `peers.py`."""

import jax
import numpy as np

from jaxgrok.engine.engine import Engine
from jaxgrok.training.setup import lane_of
from peer_loops import Work, group_of


class Ours:
    """jaxgrok's engine, as a sweep runs it: a block a device.

    width: lanes of a block; the device's default if 0.
    """

    def __init__(self, work: Work, width: int = 0) -> None:
        group = group_of(work.scale)
        blocks = jax.local_device_count()
        self._engine = Engine(
            group.setup, block_width=width or group.block_width, blocks=blocks
        )
        self.lanes = self._engine.lanes
        cells = [group.cells[i % len(group.cells)] for i in range(self.lanes)]
        lanes = [lane_of(group.setup, **cell.lane) for cell in cells]
        self._engine.admit({str(i): lane for i, lane in enumerate(lanes)})
        self._column = self._engine.schema.columns("train_loss")

    def steps(self, count: int) -> None:
        self._engine.offset = 0
        self._engine.advance(count)

    def evaluate(self) -> np.ndarray:
        self._engine.offset = self._engine.setup.eval_every  # due now
        (records,) = self._engine.advance(1)
        return np.array([record[self._column] for record in records.values()])
