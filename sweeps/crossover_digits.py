"""How few sums teach n-digit addition? The post found 700 for 5 digits, by hand.

A network has understood when 95% of the digits of new sums are right: the authors' run
ends at a test loss of 0.2.

    python -m jaxgrok.crossover --grid sweeps/crossover_digits.py

laptop (2 digits, 4,000 steps), 2-core CPU, 2026-11-25, 9 min of CPU time: 561
sums (496 to 623) at weight decay 0.3, 388 (356 to 438) at 1.
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "digits")
    laptop = config.scale == "laptop"
    config.n_train = grid.sizes(150, 1_000) if laptop else grid.sizes(100, 10_000, 48)
    config.weight_decay = (0.3, 1.0) if laptop else (0.1, 0.3, 1.0)
    config.seed = (0, 1, 2, 3, 4)
    config.batch_size = 128
    config.steps = (4_000,) if laptop else (20_000,)
    config.accuracy_threshold = 0.95
    return config
