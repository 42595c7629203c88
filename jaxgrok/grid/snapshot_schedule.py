"""At which steps a training leaves a snapshot of its parameters.

>>> schedule = Schedule(every=100, early_every=20, early_until=400)
>>> schedule.after(40)
60
"""

import dataclasses
import math
from collections.abc import Iterator

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import MOST_STEPS, field


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Steps at which snapshots are kept: 0, multiples of `every`, more of them early.

    The last step of a cell is kept too.
    """

    every: int = field(
        100,
        name="snapshot_every",
        low=1,
        high=MOST_STEPS,
        shared=True,
        decides=False,
        unit="steps",
        help="steps between snapshots",
    )
    early_every: int = field(
        20,
        name="snapshot_early_every",
        low=1,
        high=MOST_STEPS,
        shared=True,
        decides=False,
        unit="steps",
        help="steps between snapshots up to snapshot_early_until",
    )
    early_until: int = field(
        400,
        name="snapshot_early_until",
        low=0,
        high=MOST_STEPS,
        shared=True,
        decides=False,
        unit="steps",
        help="last step of the denser start; 0 for none",
    )

    def __post_init__(self) -> None:
        check_all(self)

    def after(self, step: int) -> int:
        """Return the first step past `step` that is kept."""
        regular = (step // self.every + 1) * self.every
        early = (step // self.early_every + 1) * self.early_every
        return min(regular, early) if early <= self.early_until else regular

    def keeps(self, step: int) -> bool:
        """Tell whether a step is kept."""
        return step == 0 or self.after(step - 1) == step

    def steps(self, until: int) -> Iterator[int]:
        """Yield the steps that are kept, from 0 to a step that may be among them."""
        step = 0
        while step <= until:
            yield step
            step = self.after(step)

    def count(self, steps: int) -> int:
        """Count the snapshots of a cell that makes so many steps."""
        until = min(self.early_until, steps)
        # Multiples of both periods lie at multiples of their lcm and count once.
        both = until // math.lcm(self.early_every, self.every)
        last = not self.keeps(steps)
        # The 1 is step 0.
        return 1 + steps // self.every + until // self.early_every - both + last
