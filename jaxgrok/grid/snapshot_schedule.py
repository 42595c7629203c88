"""At which steps a training leaves a snapshot of its parameters.

>>> schedule = Schedule(every=100, early_every=20, early_until=400)
>>> schedule.after(40)
60
"""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Steps at which snapshots are kept: 0, multiples of `every`, more of them early.

    The last step of a cell is kept too.

    Attributes:
        every: steps between snapshots.
        early_every: steps between snapshots up to step `early_until`.
        early_until: the last step of the denser beginning; 0 for none.
    """

    every: int
    early_every: int
    early_until: int

    def __post_init__(self) -> None:
        for name, least in (("every", 1), ("early_every", 1), ("early_until", 0)):
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"snapshot_{name}={value} must be at least {least}")

    def after(self, step: int) -> int:
        """The first step past `step` that is kept."""
        regular = (step // self.every + 1) * self.every
        early = (step // self.early_every + 1) * self.early_every
        return min(regular, early) if early <= self.early_until else regular

    def keeps(self, step: int) -> bool:
        """Whether a step is kept."""
        return step == 0 or self.after(step - 1) == step

    def count(self, steps: int) -> int:
        """Snapshots of a cell that makes so many steps."""
        until = min(self.early_until, steps)
        both = until // math.lcm(self.early_every, self.every)
        last = not self.keeps(steps)
        return 1 + steps // self.every + until // self.early_every - both + last
