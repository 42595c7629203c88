"""The groups of cells that the sections train: the post's, the laptop's and the tests'.

>>> group = group_of("post", precision="bf16")
"""

from typing import Any

import tiny
from jaxgrok import grid

SEEDS = 1024


def group_of(scale: str, **fields: Any) -> grid.Group:
    """Return x + y mod p with 30% of the pairs and weight decay 1, in many seeds.

    Args:
        scale: "post" (p = 113), "laptop" (p = 47) or "tiny" (p = 7).
        **fields: of the config, that override.
    """
    if scale == "tiny":
        config = tiny.config(model="transformer", train_fraction=(0.5,))
    else:
        config = grid.base(scale)
        config.train_fraction = (0.3,)
    config.weight_decay = (1.0,)
    config.seed = tuple(range(SEEDS))
    config.update(fields)
    (group,) = grid.resolve(config).groups
    return group
