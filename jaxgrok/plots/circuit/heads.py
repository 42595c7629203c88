"""Heads: previous-token and induction scores of every head over training.

save(heads(steps, scores), "heads.png")
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import ArrayLike, NDArray

from jaxgrok.plots.labels import short

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_STYLES = ("-", "--", "-.", ":")


def heads(
    steps: ArrayLike, scores: Mapping[str, NDArray], *, title: str = ""
) -> Figure:
    """A panel a score, a colour a layer, a style a head; the last value in the legend.

    steps: [snaps]; scores: name → [snaps, layers, heads], each in 0 … 1.
    """
    steps = np.asarray(steps)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    for axes, (name, values) in zip(panels, scores.items(), strict=True):
        for layer, head in np.ndindex(values.shape[1:]):
            axes.plot(
                steps,
                values[:, layer, head],
                _STYLES[head % len(_STYLES)],
                color=_COLOURS[layer % len(_COLOURS)],
                lw=1.3,
                label=f"{layer}.{head}: {values[-1, layer, head]:.2f}",
            )
        axes.set_title(f"{name.replace('_', '-')} score", fontsize=10)
        axes.set(xlabel="step", ylim=(-0.02, 1.02))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: short(at)))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(
            title="head: last",
            title_fontsize=8,
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            fontsize=8,
            frameon=False,
        )
    panels[0].set_ylabel("attention paid")
    figure.suptitle(title, fontsize=10)
    return figure
