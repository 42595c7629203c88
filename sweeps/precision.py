"""Does the precision of matrix products change when and what networks learn?

    python -m jaxgrok.sweep --grid sweeps/precision.py
    python scripts/compare_axis.py runs/precision-laptop precision

On a CPU all but float32 are emulated, by rounding the inputs of every product, in the
gradient too.

laptop, 2-core CPU, 2026-11-27, 25 min beside other work (4354f95): no difference that a
rank test over 32 seeds can tell from chance (docs/accelerators.md).
"""

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
