"""Repeated subsequences, fresh every step: when does the induction circuit form?

A network of two attention layers; keeps snapshots and ends with the previous-token and
induction scores of every head (heads.csv, heads/).

    python -m jaxgrok.sweep --grid sweeps/repeats_online.py

laptop, 2-core CPU, 2026-11-25, 1 min 52 s: one phase change, at 1,060 to 1,350, where
the induction scores of the second layer rise; 88% right at the end (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "repeats")
    laptop = config.scale == "laptop"
    config.regime = "online"
    config.batch_size = 64 if laptop else 128
    if laptop:
        config.symbols, config.length, config.repeat_length = 31, 32, 10
    config.weight_decay = (0.1,) if laptop else (1.0,)
    config.seed = (0, 1, 2, 3)
    config.steps = (3_000,) if laptop else (6_000,)
    config.eval_every = 50
    config.stop = "steps"
    config.snapshots = "all"
    config.snapshot_every = 100
    config.snapshot_early_until = 0
    return config
