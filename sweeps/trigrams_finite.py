"""Skip trigrams from a few examples: memorised at once, understood one by one later.

The sizes are the post's own (50 examples), and 75 and 100 beside them.

    python -m jaxgrok.sweep --grid sweeps/trigrams_finite.py
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "trigrams")
    config.n_train = (50, 75, 100)
    config.seed = tuple(range(4))
    config.stop = "steps"
    return config
