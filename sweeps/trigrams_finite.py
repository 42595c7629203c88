"""Skip trigrams from a few examples: memorised at once, understood one by one later.

The sizes are the post's own (50 examples), and 75 and 100 beside them.

    python -m jaxgrok.sweep --grid sweeps/trigrams_finite.py

2-core CPU, 2026-11-25, 1 min 21 s: memorised at 225 to 300; with 50 examples two of
four seeds grok by 675, and in the others a trigram or two is not understood by 5,000;
with 75 and 100 all do, by 1,625 (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "trigrams")
    config.n_train = (50, 75, 100)
    config.seed = tuple(range(4))
    config.stop = "steps"
    return config
