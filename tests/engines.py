"""Cells that an engine trains to their end, and what it recorded of them."""

import numpy as np

from jaxgrok.training.setup import lane_of


def admit(engine, group, cells, **fields):
    """Start cells; the records so far by cell id."""
    lanes = {c.id: lane_of(group.setup, **(c.lane | fields)) for c in cells}
    return {cell: [record] for cell, record in engine.admit(lanes).items()}


def curves(engine, group, cells, *, pieces=10, poison=()):
    """Train cells to the end of their budgets with refill; records by cell id."""
    queue, records = list(cells), {}
    while queue or engine.cells:
        while not engine.offset and engine.free and queue:
            cell = queue.pop(0)
            fields = {"init_scale": np.nan} if cell.id in poison else {}
            records |= admit(engine, group, [cell], **fields)
        for read in engine.advance(pieces):
            for cell, record in read.items():
                records.setdefault(cell, []).append(record)
                if record[-2]:
                    engine.release(cell)
    return {cell: np.stack(rows) for cell, rows in records.items()}


def same(found, want):
    for cell, rows in found.items():
        np.testing.assert_array_equal(rows, want[cell], strict=True)
