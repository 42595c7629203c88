"""Time spans in words: how long something took, and how long it may still take.

>>> duration(425), clock(52), TimeLeft(40, 44).words(clock)
('7 min 5 s', '0:52', 'about 0:42')
"""

import os
from collections.abc import Callable
from typing import NamedTuple

CERTAIN = 1.25
"""A range whose ends are nearer than this factor is said as one time."""
VAGUE = 4.0
"""Of a range whose ends are farther apart than this factor, the upper is said."""


def duration(seconds: float) -> str:
    """Write a time span in its two largest units: 42 s, 7 min 5 s, 3 h 20 min."""
    remainder = round(seconds)
    words: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, remainder = divmod(remainder, length)
        # Zeros are left out in front, and kept behind: 1 h 0 min.
        if count or words:
            words.append(f"{count} {unit}")
    return " ".join(words[:2]) or "0 s"


def setting(name: str, default: float) -> float:
    """Return the seconds that an environment variable asks for.

    Raises:
        ValueError: it is no time span.
    """
    text = os.environ.get(name, str(default))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:  # nor is NaN
        raise ValueError(f"{name}={text} must be a number of seconds above 0")
    return seconds


def clock(seconds: float) -> str:
    """Write a time span as a clock does: 0:42, 7:05, 3:20:00."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


class TimeLeft(NamedTuple):
    """Seconds to go, as far as they can be told.

    Attributes:
        low: that it takes at least, as far as is known.
        high: that it should not exceed.
    """

    low: float
    high: float

    def later(self, seconds: float) -> "TimeLeft":
        """Return the range for something that comes in addition."""
        return TimeLeft(self.low + seconds, self.high + seconds)

    def words(self, write: Callable[[float], str] = duration) -> str:
        """Word the range: about 0:40, 0:40 to 1:20, or at most 1:20."""
        if self.high <= max(CERTAIN * self.low, self.low + 2):
            return f"about {write(_rounded((self.low + self.high) / 2))}"
        if self.high > VAGUE * self.low:
            return f"at most {write(_rounded(self.high))}"
        return f"{write(_rounded(self.low))} to {write(_rounded(self.high))}"


def _rounded(seconds: float) -> float:
    """Round to what an estimate can tell: to about a twentieth."""
    for unit in (3600, 600, 60, 10, 5):
        if seconds >= 20 * unit:
            return round(seconds / unit) * unit
    return seconds
