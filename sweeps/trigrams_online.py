"""Skip trigrams, fresh examples every step: one phase change a trigram, all at once?

The sizes are the post's own, and small enough for a laptop.

    python -m jaxgrok.sweep --grid sweeps/trigrams_online.py

2-core CPU, 2026-11-25, 30 s: all ten between steps 156 and 329, each non-convex; test
loss 7e-5 at 1,000 (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "trigrams")
    config.regime = "online"
    config.batch_size = 256
    config.seed = tuple(range(4))
    config.steps = (1_000,)
    config.eval_every = 10
    config.stop = "steps"
    return config
