"""How little data still groks? The crossover of x + y mod p for each weight decay.

python -m jaxgrok.crossover --grid sweeps/crossover_modular.py
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    laptop = config.scale == "laptop"
    config.weight_decay = (0.3, 0.5, 1.0) if laptop else (0.1, 0.3, 1.0, 3.0)
    config.train_fraction = ()
    config.n_train = grid.sizes(700, 2000) if laptop else grid.sizes(1300, 10_000, 32)
    config.seed = (0, 1, 2, 3, 4)
    config.steps = (3_000,) if laptop else (50_000,)
    return config
