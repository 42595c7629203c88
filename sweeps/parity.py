"""Parity of 3 hidden bits of 20: how many examples does an MLP need to grok it?

After Barak et al. (2022), who train larger MLPs by SGD on more bits; ours is AdamW in
full batches.

    python -m jaxgrok.sweep --grid sweeps/parity.py

laptop, 2-core CPU, 2026-11-25, 54 s: 200 examples are only memorised; 400 grok at 5,200
to 7,600 (3 of 4 seeds), 1,200 at 800 to 2,400 (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "parity")
    laptop = config.scale == "laptop"
    config.n_train = (200, 400, 600, 800, 1_200) if laptop else (500, 1_000, 2_000)
    config.weight_decay = (0.3,)
    config.seed = (0, 1, 2, 3)
    config.steps = (15_000,) if laptop else (50_000,)
    return config
