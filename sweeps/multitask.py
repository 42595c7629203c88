"""Three operations in one network: do their phase changes come apart?

Addition, subtraction and multiplication modulo p, told by a task token, with an
unembedding each; test loss for each.

    python -m jaxgrok.sweep --grid sweeps/multitask.py

laptop (p = 31), 2-core CPU, 2026-11-25, 4 min 49 s: they do. In seed 0 addition is over
99% from 2,050 on, multiplication from 2,400, subtraction at 90% after 10,000; in the
other seeds addition is first, and none over 99% yet (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "multitask")
    laptop = config.scale == "laptop"
    config.train_fraction = (0.9,) if laptop else (0.3,)
    config.seed = (0, 1, 2, 3)
    config.steps = (10_000,) if laptop else (50_000,)
    config.steps_past_grok = 500 if laptop else 5_000
    if laptop:
        # A slow second moment keeps so strong a decay free of spikes.
        config.modulus = 31
        config.learning_rate, config.beta2 = (1e-3,), (0.999,)
        config.weight_decay = (3.0,)
    return config
