"""The heat map: evenly spaced squares over the values of two axes.

grid = SquareGrid.of(Labels("weight decay", ["0.1", "1"]), Labels("seed", ["0"]))
frame(axes, grid)
draw_values(axes, grid, values, scale, text=lambda row, column: "…")
colour_bar(axes, grid, scale, "median grok step")
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colorbar import Colorbar
from numpy.typing import NDArray

from jaxgrok.plots import style

HALF = 0.46
"""Half the side of a square, where neighbours are 1 apart."""


@dataclass(frozen=True)
class Labels:
    """What stands along one side of the squares.

    Attributes:
        axis: name of the axis; "" for none.
        values: name of each of its values.
    """

    axis: str
    values: list[str]


@dataclass(frozen=True)
class SquareGrid:
    """The squares of a heat map: rows go up along y, columns to the right along x.

    Attributes:
        x: labels of the columns.
        y: labels of the rows.
        side: of a square with its gap, in inches.
    """

    x: Labels
    y: Labels
    side: float

    @classmethod
    def of(
        cls, x: Labels, y: Labels, *, smallest: float = style.SMALLEST_SQUARE
    ) -> "SquareGrid":
        """Choose the side by the number of squares, at least `smallest` inches."""
        most = max(len(x.values), len(y.values))
        side = np.clip(style.SQUARES / most, smallest, style.LARGEST_SQUARE)
        return cls(x, y, float(side))

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return len(self.y.values), len(self.x.values)

    def figure_size(self, *, least_width: float, beside: float) -> tuple[float, float]:
        """Return width and height, in inches, of a figure with two such maps.

        Args:
            least_width: of the figure.
            beside: width of what stands beside the squares of both.
        """
        rows, columns = self.shape
        width = max(least_width, 2 * columns * self.side + beside)
        # The 1.9 inches hold the titles, the labels and the legend below.
        return width, max(2.4, rows * self.side + 1.9)


class Strip(NamedTuple):
    """A square, or an upright strip of it: `start` and `width` are shares of its side.

    Square (row, column) is centred at y = row, x = column.
    """

    row: int
    column: int
    fill: style.Fill
    start: float = 0.0
    width: float = 1.0

    def corners(self) -> list[tuple[float, float]]:
        """Return its four corners, anticlockwise from the lower left."""
        left = self.column - HALF + 2 * HALF * self.start
        right = left + 2 * HALF * self.width
        low, high = self.row - HALF, self.row + HALF
        return [(left, low), (right, low), (right, high), (left, high)]


def frame(axes: Axes, grid: SquareGrid) -> None:
    """Set the limits of the axes and label the squares, as many as have room."""
    rows, columns = grid.shape
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(-0.5, rows - 0.5), aspect="equal")
    # Labels of rows need a line of text each; of smaller squares, every n-th has one.
    every = int(np.ceil(style.TEXT_LINE / grid.side))
    # Those of columns lie down while the longest fits between two labels.
    longest = max(map(len, grid.x.values))
    upright = longest * style.CHARACTER > grid.side * every
    axes.set_xticks(
        range(0, columns, every),
        grid.x.values[::every],
        rotation=90 if upright else 0,
    )
    axes.set_yticks(range(0, rows, every), grid.y.values[::every])
    axes.set(xlabel=grid.x.axis, ylabel=grid.y.axis)
    style.despine(axes, every=True)
    axes.tick_params(length=0, labelsize=style.LABEL)


def draw_strips(axes: Axes, strips: Iterable[Strip]) -> None:
    """Draw squares, and strips of squares, as one artist for each kind of hatch."""
    # With an artist each, 10,000 squares take matplotlib most of a minute.
    kinds: dict[tuple[Any, ...], list[Strip]] = {}
    for strip in strips:
        kinds.setdefault((strip.fill.hatch, strip.fill.hatch_colour), []).append(strip)
    for (hatch, hatch_colour), members in kinds.items():
        polygons = PolyCollection(
            [strip.corners() for strip in members],
            facecolors=[strip.fill.colour for strip in members],
            hatch=hatch,
            edgecolors=hatch_colour or "none",
            linewidths=0.0,
        )
        # The limits of the axes are those of the squares, set by `frame`.
        axes.add_collection(polygons, autolim=False)


def draw_values(
    axes: Axes,
    grid: SquareGrid,
    values: NDArray[Any],
    scale: ScalarMappable,
    *,
    text: Callable[[int, int], str],
    blank: Callable[[int, int], style.Fill] = lambda row, column: style.NONE,
) -> None:
    """Draw values as colours and, in squares that are large enough, as texts.

    Args:
        axes: where to draw.
        grid: the squares.
        values: [rows, columns], NaN where there is none.
        scale: their colours.
        text: what the square at (row, column) says; "" for nothing.
        blank: fill of the square at (row, column) if it has no value.
    """
    colours = scale.to_rgba(np.ma.masked_invalid(values))
    strips = []
    for (row, column), value in np.ndenumerate(values):
        fill = blank(row, column)
        if np.isfinite(value):
            red, green, blue, _ = colours[row, column].tolist()
            fill = style.Fill((red, green, blue))
        strips.append(Strip(row, column, fill))
    draw_strips(axes, strips)
    if grid.side < style.SQUARE_WITH_TEXT:
        return
    for row, column, fill, *_ in strips:
        if words := text(row, column):
            axes.text(
                column,
                row,
                words,
                color=style.text_colour(fill.colour),
                # In points, so that two lines of four characters fit.
                size=min(8.5, 13 * grid.side),
                ha="center",
                va="center",
            )


def colour_bar(
    axes: Axes, grid: SquareGrid, scale: ScalarMappable, label: str
) -> Colorbar:
    """Draw a colour bar as high as the squares to their right; return it."""
    # The inset is measured in shares of the axes: this keeps its thickness in inches.
    width = max(2, grid.side * grid.shape[1])
    inset = axes.inset_axes((1.03, 0, style.BAR / width, 1))
    bar = axes.figure.colorbar(scale, cax=inset)
    bar.set_label(label, fontsize=style.LABEL)
    bar.ax.tick_params(labelsize=style.LABEL)
    bar.outline.set_visible(False)
    return bar
