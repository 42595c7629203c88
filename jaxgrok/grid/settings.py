"""The settings of a sweep as a whole, and the choices that other fields follow from.

>>> rows(Settings)["block_width"].default
0
"""

import dataclasses
from typing import Any

from jaxgrok.fields.field import field


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a config says besides the fields of tasks, models and trainings.

    No object of it is made: it holds the fields.
    """

    scale: str = field(
        "laptop",
        shared=True,
        decides=False,
        help="name of the sizes, written --grid FILE:SCALE; a label afterwards",
    )
    task: str = field("modular", help="what there is to learn")
    model: str = field("transformer", help="the network")
    train_fraction: float = field(
        0.3,
        traced=True,
        above=0,
        high=1,
        axis_order=110,
        help="share of the pool to train on, rounded down; or give n_train",
    )
    train_size: int = field(
        0,
        low=0,
        shared=True,
        decides=False,
        unit="examples",
        help="size that every training set is padded to; 0 rounds n_train up, to few "
        "programs",
    )
    block_width: int = field(
        0,
        low=0,
        shared=True,
        decides=False,
        unit="lanes",
        help="lanes of a block, the unit of rounding; 0 for the device's default",
    )
    snapshots: str = field(
        "none",
        shared=True,
        decides=False,
        help="cells whose parameters are kept: none, all, phases (one of each), or "
        "selectors, as seed=0;seed=1",
    )
    zip: str = field(
        "", shared=True, decides=False, help="axes that go in step, as seed,steps"
    )
    chain: dict[str, Any] = field(
        {},
        shared=True,
        decides=False,
        help="grids one after the other: a dict of fields for each part",
    )
