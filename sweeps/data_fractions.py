"""How much of the table is needed: train fractions from 0.05 to 0.95.

The post: 60% and more generalise at once, 30 to 50% grok, below that not in its budget
(at p = 113).

    python -m jaxgrok.sweep --grid sweeps/data_fractions.py

laptop (p = 47), 2-core CPU, 2026-11-25, 3 min 3 s: none below 45%; 45% at 2,250 and
2,400; 55 to 65% at 350 to 850; from 70% on soon after memorising (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    laptop = config.scale == "laptop"
    tenths = tuple(n / 100 for n in range(5, 100, 10))
    config.train_fraction = (*tenths, 0.6, 0.7) if laptop else tenths
    config.seed = (0, 1, 2) if laptop else (0, 1, 2, 3)
    config.steps = (6_000,) if laptop else (40_000,)
    return config
