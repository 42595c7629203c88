"""Digit by digit: when does each digit of a sum of two 5-digit numbers fall into place?

Fresh examples every step; test loss and accuracy for each digit of the answer. The post
has d_model 512 and a rate of 1e-4 (`post`); laptop is d_model 128 at 1e-3, as another
of its saved runs.

    python -m jaxgrok.sweep --grid sweeps/digits_online.py

laptop, 2-core CPU, 2026-11-25, 1 min 41 s: six falls, 15 to 219 steps wide, within 900
steps; the four lower digits' are non-convex, and their order differs over 8 seeds
(docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "digits")
    laptop = config.scale == "laptop"
    config.regime = "online"
    config.digits = 5
    config.batch_size = 64
    config.weight_decay = (0.1,)
    config.learning_rate = (1e-3,) if laptop else (1e-4,)
    config.d_model = 128 if laptop else 512
    config.d_head = 32 if laptop else 128
    config.d_mlp = 512 if laptop else 2048
    config.seed = tuple(range(8))
    config.steps = (2_000,) if laptop else (3_000,)
    config.eval_every = 25
    config.stop = "steps"
    return config
