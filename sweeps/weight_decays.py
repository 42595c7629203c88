"""How long does a weak weight decay take? The budget grows as the decay falls.

The post, at p = 113 and 30% of the pairs: 0.1 takes about 10 times as long as 1, 0.01
about 60 times, and 0 never groks.

    python -m jaxgrok.sweep --grid sweeps/weight_decays.py

laptop (p = 47, 65%), 2-core CPU, 2026-11-25, 5 min 45 s: medians 800 at 1, 3,350 at
0.1, 38,350 at 0.01; none at 0 within 20,000 (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    laptop = config.scale == "laptop"
    config.weight_decay = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    unit = 1_000 if laptop else 20_000
    budgets = (20, 40, 40, 20, 10, 3, 3) if laptop else (40, 40, 20, 10, 3, 1, 1)
    config.steps = tuple(unit * n for n in budgets)
    config.zip = "weight_decay, steps"
    config.train_fraction = (0.65,) if laptop else (0.3,)
    config.seed = (0, 1, 2)
    return config
