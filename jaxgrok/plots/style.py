"""The look that all figures share: colours, fills, font sizes and lengths.

axes.set_title("phase", fontsize=style.TITLE)
style.despine(axes)
"""

from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_hex, to_rgb
from matplotlib.typing import ColorType
from numpy.typing import NDArray

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BLACK = "#000000"
ORANGE = "#e69f00"
SKY = "#56b4e9"
GREEN = "#009e73"
YELLOW = "#f0e442"
BLUE = "#0072b2"
VERMILION = "#d55e00"
PURPLE = "#cc79a7"
LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Colours of lines, in this order; yellow is too pale for one."""

GREY = "#777777"
"""Of what belongs to no category: thresholds, plain bars, the constant term."""
PALE_GREY = "#c8c8c8"
"""Of lines in the background."""
GRID_GREY = "#eeeeee"

STEPS_MAP = "viridis_r"
"""Colour map of steps and shares: later or more is darker."""
MAGNITUDE_MAP = "viridis"
SIGNED_MAP = "RdBu_r"
LEAD_MAP = "PuOr"
CYCLIC_MAP = "hsv"
CATEGORIES_MAP, _CATEGORIES = "tab10", 10
"""Colour map of more lines than LINES has colours, and how many it tells apart."""
MANY_MAP = "turbo"
"""Of still more."""

# Font sizes, in points.
HEADING = 11
TITLE = 10
SMALL_TITLE = 9
LABEL = 8
SMALL_LABEL = 7
TINY_LABEL = 6

# Lengths, in inches.
CHARACTER = 0.085
"""Width of a character of a tick label, with its share of the gap to the next."""
TEXT_LINE = 0.14
"""Height of a line of tick labels."""
SQUARES = 7.0
"""Longest side of a field of squares."""
LARGEST_SQUARE = 0.72
SMALLEST_SQUARE = 0.1
SQUARE_WITH_TEXT = 0.34
"""Side of the smallest square that has room for a text."""
BAR = 0.14
"""Thickness of the colour bar beside a field of squares."""


@dataclass(frozen=True)
class Fill:
    """How an area is filled.

    Attributes:
        colour: of the area.
        hatch: matplotlib's hatch pattern, or None.
        hatch_colour: of the hatch.
    """

    colour: ColorType
    hatch: str | None = None
    hatch_colour: ColorType | None = None

    def patch(self) -> dict[str, Any]:
        """Return the keyword arguments that draw a patch with this fill."""
        return {
            "facecolor": self.colour,
            "hatch": self.hatch,
            "edgecolor": self.hatch_colour,
            "linewidth": 0.0,
        }


# The phases differ in luminance too, so that they can be told apart in a grey print.
PHASE_FILLS = {
    "comprehension": Fill(YELLOW),
    "grokking": Fill(SKY),
    "memorisation": Fill(VERMILION),
    "confusion": Fill("#4b1d6b"),
    "diverged": Fill("#111111", "xxx", "#ffffff"),
    "untested": Fill("#ffffff", "...", GREY),
    "ended": Fill("#dff2ea", "\\\\\\", "#9ad3bb"),
    "failed": Fill("#ffffff", "xx", "#d01010"),
    "pending": Fill("#f4f4f4", "///", "#c4c4c4"),
}
"""Fill of every phase, and of cells that have none."""
CENSORED = Fill("#d0d0d0")
"""Of a square whose cells were followed to the end of their budget in vain."""
UNKNOWN = Fill("#f4f4f4")
NONE = Fill("#e8e8e8", "///", "#b8b8b8")
"""Of a square that has no value."""

STAGE_COLOURS = {
    "memorisation": PURPLE,
    "interpolation": SKY,
    "generalisation": GREEN,
    "clean_up": ORANGE,
    "stability": "#999999",
}
"""Colour of every stage of a training, in the post's order."""


def line_colours(count: int, *, black: bool = True) -> list[str]:
    """Return as many colours that can be told apart.

    Args:
        count: number of colours.
        black: whether black may be one; not where it stands for a total.
    """
    palette = [line for line in LINES if black or line != BLACK]
    if count <= len(palette):
        return palette[:count]
    if count <= _CATEGORIES:
        colours = matplotlib.colormaps[CATEGORIES_MAP](np.arange(count))
    else:
        # Both ends of the map are too dark to differ.
        colours = matplotlib.colormaps[MANY_MAP](np.linspace(0.05, 0.95, count))
    return [to_hex(colour) for colour in colours]


def text_colour(background: ColorType) -> str:
    """Return black or white, whichever can be read on a background."""
    # Luma of ITU-R BT.601, which also decides how a grey print looks.
    luminance = np.dot(to_rgb(background), (0.299, 0.587, 0.114))
    return "white" if luminance < 0.5 else "black"


def scale_from_zero(
    values: NDArray[Any],
    *,
    signed: bool,
    magnitude_map: str = MAGNITUDE_MAP,
    signed_map: str = SIGNED_MAP,
) -> ScalarMappable:
    """Return colours from zero up or, if signed, the same distance to both sides.

    Args:
        values: numbers that the scale spans; those that are not finite are ignored.
        signed: whether the scale is centred at zero.
        magnitude_map: colour map where it is not.
        signed_map: colour map where it is.
    """
    finite = values[np.isfinite(values)]
    # A scale needs a width, even if all values are zero.
    bound = float(np.abs(finite).max(initial=0.0)) or 1.0
    norm = Normalize(-bound if signed else 0.0, bound)
    return ScalarMappable(norm, signed_map if signed else magnitude_map)


def despine(axes: Axes, *, every: bool = False) -> None:
    """Remove the upper and the right border of axes, or every one."""
    borders = axes.spines[:] if every else axes.spines[["top", "right"]]
    borders.set_visible(False)
