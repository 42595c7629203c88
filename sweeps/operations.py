"""Which operations modulo p grok, and when? Random labels can only be memorised.

    python -m jaxgrok.sweep --grid sweeps/operations.py

laptop (p = 47), 2-core CPU, 2026-11-25, 4 min 37 s: symmetric operations grok at 450 to
800, x−y and x/y later, the quadratic form and random labels not (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    laptop = config.scale == "laptop"
    config.operation = ("x+y", "x-y", "x*y", "x/y", "x^2+xy+y^2", "random")
    config.weight_decay = (0.3,) if laptop else (1.0,)
    config.train_fraction = (0.8,) if laptop else (0.5,)
    config.seed = (0, 1, 2)
    config.steps = (5_000,) if laptop else (50_000,)
    return config
