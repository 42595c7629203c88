"""Does an MLP without attention learn the Fourier circuit, and with which frequencies?

One hidden layer of 256 neurons over the sum of two one-hots, ReLU and GELU; ends with a
table of the circuits. The post says: a cluster of 3 to 7 neurons for every frequency.

    python -m jaxgrok.sweep --grid sweeps/mlp.py

laptop, 2-core CPU, 2026-11-25, 59 s: all 8 grok, ReLU at 3,200 to 4,200, GELU at 2,450
to 2,850; a cluster for 22 or 23 of 23 frequencies, of 1 to 9 neurons with ReLU and 3 to
16 with GELU (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    laptop = config.scale == "laptop"
    config.model = "mlp"
    config.d_mlp = 256
    config.activation = ("relu", "gelu")
    config.learning_rate = (1e-3,)
    config.weight_decay = (0.3,)
    config.train_fraction = (0.6,) if laptop else (0.4,)
    config.seed = tuple(range(4))
    config.steps = (8_000,) if laptop else (50_000,)
    config.steps_past_grok = 1_000 if laptop else 5_000
    config.snapshots = "all"
    config.snapshot_every = 500 if laptop else 5_000
    config.snapshot_early_until = 0
    return config
