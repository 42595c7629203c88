"""Which products of a last layer's matrices to form first: by counting the work.

>>> Fold.best(Sizes(examples=3840, rows=1, keys=229, ...))
"""

import enum
from typing import NamedTuple

LOOKED_UP = 8
"""What a multiplication by a looked-up number costs on a CPU, a product's being 1."""


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


class Fold(enum.Enum):
    """Which products of the last layer's matrices are formed before the examples.

    With x the stream before the layer, z the heads' output and h the hidden layer,
    logits = (x + z W_O + h W_out) W_U and h = relu((x + z W_O) W_in + b_in). z is the
    values v of a few rows, weighted by the pattern: `ROWS` weights products of them.
    """

    NONE = "none"
    OUT = "W_out W_U"
    ALL = "W_out W_U, W_O W_in, W_O W_U"
    ROWS = "W_out W_U, v W_O W_in, v W_O W_U"

    @staticmethod
    def best(sizes: Sizes) -> "Fold":
        """What takes the fewest multiplications by a margin of 3%.

        A multiplication by a looked-up number counts as `LOOKED_UP` of a product's.
        """
        s, wide = sizes, sizes.mlp + sizes.vocab
        before = s.examples * (s.heads * s.model + s.model * s.mlp)
        out = s.mlp * s.model * s.vocab
        folded = (
            s.examples * s.mlp * s.vocab + (s.rows + s.heads) * s.model * wide + out
        )
        work = {
            Fold.NONE: 0.97 * (before + s.examples * (s.mlp + s.vocab) * s.model),
            Fold.OUT: before + s.examples * (s.mlp + s.model) * s.vocab + out,
            Fold.ALL: folded + s.examples * s.heads * wide,
        }
        if s.weights:
            each = LOOKED_UP * s.weights
            work[Fold.ROWS] = folded + (s.examples * each + s.keys * s.heads) * wide
        return min(work, key=lambda fold: work[fold])
