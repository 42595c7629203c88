"""How little data still groks? The crossover of x + y mod p for each weight decay.

    python -m jaxgrok.crossover --grid sweeps/crossover_modular.py

laptop (p = 47, 2,209 pairs, 3,000 steps), 2-core CPU, 2026-11-25, 3 min 12 s: 1,297
(1,170 to 1,438) at weight decay 0.3, 1,207 (1,055 to 1,380) at 0.5, 1,078 (932 to
1,195) at 1. At 3 the train loss is unsteady and seeds are not monotone.
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    laptop = config.scale == "laptop"
    config.weight_decay = (0.3, 0.5, 1.0) if laptop else (0.1, 0.3, 1.0, 3.0)
    config.train_fraction = ()
    config.n_train = grid.sizes(300, 2000) if laptop else grid.sizes(1300, 10_000, 32)
    config.seed = (0, 1, 2, 3, 4)
    config.steps = (3_000,) if laptop else (50_000,)
    return config
