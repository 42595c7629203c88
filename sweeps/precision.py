"""What does the precision of matrix products change in the science?"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    laptop = config.scale == "laptop"
    config.precision = ("float32", "tf32", "bf16x3", "bf16")
    config.train_fraction = (0.65,) if laptop else (0.3,)
    config.seed = tuple(range(32 if laptop else 16))
    config.steps_past_grok = 1_000 if laptop else 6_000
    config.snapshots = "all"
    config.snapshot_every = 500 if laptop else 5_000
    config.snapshot_early_until = 0
    return config
