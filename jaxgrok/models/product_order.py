"""Which products of the last layer's matrices to form first, by counting the work.

>>> ProductOrder.best(Sizes(examples=3840, rows=1, keys=229, ...), weighted=8)
"""

import enum
from typing import NamedTuple

MARGIN = 0.97
"""Forming products first must save more than 3% of the work."""


class Sizes(NamedTuple):
    """What decides the work of a last layer; widths are those of all heads together."""

    examples: int
    """Predictions, each with an MLP of its own."""
    rows: int
    """Different rows among their streams before the layer."""
    keys: int
    """Different rows among the streams that they attend to."""
    weights: int
    """Rows that a prediction weights and adds, where `ROWS` is possible; else 0."""
    heads: int
    model: int
    mlp: int
    vocab: int


class ProductOrder(enum.Enum):
    """Which products of the last layer's matrices are formed before the examples'.

    With x the stream before the layer, z the heads' output and h the hidden layer,
    logits = (x + z W_O + h W_out) W_U and h = relu((x + z W_O) W_in + b_in). z is the
    values v of a few rows, weighted by the pattern: `ROWS` weights products of them.
    """

    NONE = "none"
    OUT = "W_out W_U"
    ALL = "W_out W_U, W_O W_in, W_O W_U"
    ROWS = "W_out W_U, v W_O W_in, v W_O W_U"

    @staticmethod
    def best(sizes: Sizes, weighted: float) -> "ProductOrder":
        """Choose the order with the least work.

        Args:
            sizes: what is multiplied.
            weighted: work of multiplying a looked-up number; in a matrix product it
                is 1.
        """
        # The stream is multiplied by W_in and by W_U: their widths add up.
        s, out_width = sizes, sizes.mlp + sizes.vocab
        # z W_O, and the stream after attention times W_in.
        into_mlp = s.examples * (s.heads * s.model + s.model * s.mlp)
        W_out_W_U = s.mlp * s.model * s.vocab
        # Of ALL and ROWS: h (W_out W_U), then x and W_O, each times W_in and W_U.
        both = (
            s.examples * s.mlp * s.vocab
            + (s.rows + s.heads) * s.model * out_width
            + W_out_W_U
        )
        work = {
            ProductOrder.NONE: MARGIN * (into_mlp + s.examples * out_width * s.model),
            ProductOrder.OUT: into_mlp
            + s.examples * (s.mlp + s.model) * s.vocab
            + W_out_W_U,
            ProductOrder.ALL: both + s.examples * s.heads * out_width,
        }
        if s.weights:
            # v W_O W_in and v W_O W_U: formed once a row, weighted for each example.
            additions = s.examples * weighted * s.weights
            work[ProductOrder.ROWS] = both + (additions + s.keys * s.heads) * out_width
        return min(work, key=lambda order: work[order])
