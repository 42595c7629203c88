"""Work on a large array block by block, so that only a block's worth is in memory.

>>> for rows in blocks(len(logits), logits[0].nbytes):
...     losses[rows] = cross_entropy(logits[rows], labels[rows])
"""

from collections.abc import Iterator

MEMORY = 2**28
"""Bytes of a block."""


def blocks(length: int, nbytes: int) -> Iterator[slice]:
    """Yield slices that cover an axis, the first ones of equal length.

    Args:
        length: of the axis.
        nbytes: that one entry of the axis takes, all temporary copies included.
    """
    size = max(1, MEMORY // nbytes)
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))
