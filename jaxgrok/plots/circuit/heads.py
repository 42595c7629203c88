"""Draw the previous-token and induction scores of every head over training.

save(heads(steps, scores), "heads.png")
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from jaxgrok.plots import style
from jaxgrok.plots.labels import name_steps

_LAYERS = style.LINES[:4]
"""Colour of each layer."""
_HEADS = ("-", "--", "-.", ":")
"""Line style of each head of a layer."""


def heads(
    steps: ArrayLike, scores: Mapping[str, NDArray[Any]], *, title: str = ""
) -> Figure:
    """Draw a panel a score, a colour a layer, a style a head.

    Args:
        steps: [snaps] of the snapshots.
        scores: name → [snaps, layers, heads], each in 0 … 1. The legend has the last.
        title: of the figure.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    for axes, (name, values) in zip(panels, scores.items(), strict=True):
        _draw(axes, np.asarray(steps), values)
        title_of_score = f"{name.replace('_', '-')} score"
        axes.set_title(title_of_score, fontsize=style.TITLE)
    panels[0].set_ylabel("attention paid")
    figure.suptitle(title, fontsize=style.TITLE)
    return figure


def _draw(axes: Axes, steps: NDArray[Any], values: NDArray[Any]) -> None:
    """Draw a score [snaps, layers, heads] of every head."""
    for layer, head in np.ndindex(values.shape[1:]):
        axes.plot(
            steps,
            values[:, layer, head],
            _HEADS[head % len(_HEADS)],
            color=_LAYERS[layer % len(_LAYERS)],
            lw=1.3,
            label=f"{layer}.{head}: {values[-1, layer, head]:.2f}",
        )
    axes.set(xlabel="step", ylim=(-0.02, 1.02))
    name_steps(axes.xaxis)
    style.despine(axes)
    axes.legend(
        title="head: last",
        title_fontsize=style.LABEL,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        fontsize=style.LABEL,
        frameon=False,
    )
