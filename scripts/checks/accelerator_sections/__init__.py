"""The sections of `accelerator.py`, each in a process of its own.

None can harm another one: not by an exception, not by a broken device, not by the
memory that it holds, not by its time. `python -m accelerator_sections NAME JOB.json`
runs one.
"""

from typing import NamedTuple


class Section(NamedTuple):
    """A part of the check.

    Attributes:
        name: of its module.
        title: what it tells.
        least: seconds that are kept for it, when the whole check has 300.
        most: seconds that it may take then.
        decides: whether its checks decide the exit code.
    """

    name: str
    title: str
    least: float
    most: float
    decides: bool = False


SECTIONS = (
    Section("device", "Device and versions", 10, 30),
    Section("numbers", "Right numbers", 30, 60, decides=True),
    Section("lanes", "Lanes are independent, bit by bit", 40, 90, decides=True),
    Section("resume", "Killed and resumed", 55, 90, decides=True),
    Section("speed", "Speed by block width", 45, 80),
    Section("precisions", "Precisions", 40, 60),
    Section("levers", "Options of XLA", 0, 45),
    Section("peers", "Other ways to train the same", 45, 80),
    Section("sweeps", "Sweeps", 0, 100_000),
)
"""In the order in which they run."""
QUICK_SECONDS = 120.0
"""Of each section under --quick."""
