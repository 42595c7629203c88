"""The data of a page as one blob: JSON and, behind it, numbers in two bytes each.

The blob is gzipped; `assets/data.js` reads it.

>>> packer = Packer()
>>> section = packer.add(values)         # goes into the JSON
>>> packer.blob({"section": section})
"""

import gzip
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LEVELS = 4095
"""Numbers that a packed value can be, besides "missing": three digits of a range."""


@dataclass
class Packer:
    """Arrays of curves on their way into a page."""

    chunks: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, values: np.ndarray, *, log: bool) -> dict[str, Any]:
        """Add curves [..., points]; return what the page needs to read them.

        What is not finite is missing. On a log scale, what is not positive becomes the
        least positive number.
        """
        values = np.asarray(values, float)
        is_there = np.isfinite(values)
        if log:
            least = values[is_there & (values > 0)].min()
            values = np.where(is_there, np.log10(np.maximum(values, least)), np.nan)
        low = float(values[is_there].min(initial=np.inf)) if is_there.any() else 0.0
        high = float(values[is_there].max(initial=-np.inf)) if is_there.any() else 0.0
        codes = np.zeros(values.shape, np.int64)
        width = (high - low) or 1.0
        scaled = (values[is_there] - low) / width * (LEVELS - 1)
        codes[is_there] = 1 + np.rint(scaled).astype(int)
        # Neighbours of a curve are alike: their differences compress best, and so do
        # high bytes, most of which are then 0 or 255, apart from low ones.
        steps = np.diff(codes, axis=-1, prepend=0).astype("<i2").ravel()
        planes = steps.view(np.uint8).reshape(-1, 2).T.tobytes()
        entry = {
            "offset": self.size,
            "shape": list(values.shape),
            "low": low,
            "high": high,
            "log": log,
        }
        self.chunks.append(planes)
        self.size += len(planes)
        return entry

    def blob(self, header: Any) -> bytes:
        """Return the gzipped blob: length of the JSON, the JSON, the numbers."""
        text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
        data = len(text).to_bytes(4, "little") + text + b"".join(self.chunks)
        # Without a time, so that the same run gives the same page.
        return gzip.compress(data, 6, mtime=0)


def listed(values: np.ndarray) -> list[float | int | None]:
    """Return numbers [...] for JSON, as tables write them; None if not finite."""
    numbers: list[float | int | None] = []
    for value in np.asarray(values, float).ravel().tolist():
        if not np.isfinite(value):
            numbers.append(None)
        elif value == int(value) and abs(value) < 1e15:
            numbers.append(int(value))
        elif value == float(np.float32(value)):
            # Nine digits of a number that was written in seven are not that number.
            numbers.append(float(str(np.float32(value))))
        else:
            numbers.append(float(f"{value:.9g}"))
    return numbers
