"""Draw arrays as images whose colours a bar explains.

draw_map(axes, values, scale_from_zero(values, signed=True))
colour_bar(figure, scale, [axes], "activation")
"""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxgrok.plots import style


def draw_map(
    axes: Axes, values: NDArray[Any], scale: ScalarMappable, **options: Any
) -> None:
    """Draw an array [y, x], its first row at the bottom.

    Args:
        axes: where to draw.
        values: the array.
        scale: its colours.
        **options: further ones of `imshow`.
    """
    look: dict[str, Any] = {"norm": scale.norm, "cmap": scale.cmap, **options}
    axes.imshow(values, origin="lower", **look)


def colour_bar(
    figure: Figure, scale: ScalarMappable, panels: Axes | list[Axes], label: str
) -> None:
    """Draw a bar beside the panels, labelled with what the colour means."""
    bar = figure.colorbar(scale, ax=panels, label=label, fraction=0.05, pad=0.02)
    bar.ax.tick_params(labelsize=style.LABEL)
    bar.outline.set_visible(False)


def require(array: NDArray[Any] | None, name: str) -> NDArray[Any]:
    """Return an array of a network.

    Raises:
        ValueError: if the network does not have it.
    """
    if array is None:
        raise ValueError(f"{name} is None: this network has none to draw")
    return array
