"""Slingshots come from float32's log_softmax: one loss in three arithmetics.

In full batches and in minibatches: the post saw rarer and milder spikes with
minibatches even in float64.

    python -m jaxgrok.sweep --grid sweeps/slingshots.py

laptop, 2-core CPU, 2026-11-25, 1 min 35 s: full batch, float32 spikes 7, 7, 7 times,
float64 and exact 0, 0, 0; in minibatches all three spike: 3, 7, 5, 5, 7, 0 and 2, 7, 0
(docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    laptop = config.scale == "laptop"
    config.loss = ("exact", "float64", "float32")
    config.batch_size = (0, 120) if laptop else (0, 957)  # a quarter of the pairs
    if laptop:
        config.modulus = 31
    config.weight_decay = (0.3,) if laptop else (1.0,)
    config.train_fraction = (0.5,) if laptop else (0.3,)
    config.seed = (0, 1, 2)
    config.steps = (10_000,) if laptop else (20_000,)
    config.eval_every = 20
    config.stop = "steps"
    return config
