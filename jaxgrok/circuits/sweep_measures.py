"""Circuit measures of every cell of a sweep, from what was recorded on the fly.

Three numbers a cell: how many frequencies are key, how much of W_E lies in them, and
how long before the grok the circuit began to carry the training loss.

>>> count = key_frequencies(curves).sum(1)
>>> share, lead = survey(curves, grok_step=grok_step)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxgrok.fourier.basis import gini
from jaxgrok.fourier.key_frequencies import THRESHOLD

SPARSE_GINI = 0.35
"""A spectrum is sparse from this Gini coefficient of its squared frequency norms on.

A sweep records spectra, but not the logits that `jaxgrok.circuits.verdict` judges by.
"""
RISE = 2.0
"""The excluded loss has risen once it is so many times its minimum."""


def survey(
    curves: Mapping[str, ArrayLike], *, grok_step: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Measure the circuit of each cell.

    Args:
        curves: `step` [evals]; `W_E_norm`, `W_L_norm` and `excluded_loss`
            [cells, evals, freq], NaN past a cell's end.
        grok_step: [cells], NaN if censored.

    Returns:
        share: [cells] of the squared norm of W_E (without its mean), what lies in the
            key frequencies, those with W_L norm > max/4 at the cell's last evaluation;
            NaN where the spectrum of W_L is not sparse. Without MLP, W_E's stands in
            for it.
        lead: [cells] steps from the rise of the excluded loss (2-D, the largest over
            the key frequencies; the first evaluation past its minimum before the grok
            at RISE times that minimum) to the grok step; NaN where there is none.
    """
    step = np.asarray(curves["step"])
    W_E, excluded = (
        np.asarray(curves[name], float) for name in ("W_E_norm", "excluded_loss")
    )
    last, keys = _ends(curves)
    grok = np.asarray(grok_step, float)
    share, lead = np.full(len(grok), np.nan), np.full(len(grok), np.nan)
    for cell in np.flatnonzero(keys.any(1)):
        key = keys[cell]
        energy = W_E[cell, last[cell]] ** 2
        share[cell] = energy[key].sum() / energy.sum()
        if np.isfinite(grok[cell]):
            # Each key frequency is excluded on its own: the one that costs most counts.
            lead[cell] = _lead(step, excluded[cell][:, key].max(-1), grok[cell])
    return share, lead


def key_frequencies(curves: Mapping[str, ArrayLike]) -> NDArray[np.bool_]:
    """Tell which frequencies are key at the end of each cell.

    Args:
        curves: of `survey`; the excluded loss is not needed.

    Returns:
        [cells, freq]; none is key where the spectrum is not sparse.
    """
    return _ends(curves)[1]


def _ends(
    curves: Mapping[str, ArrayLike],
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return each cell's last evaluation [cells] and key frequencies [cells, freq]."""
    W_E, W_L = (np.asarray(curves[name], float) for name in ("W_E_norm", "W_L_norm"))
    W_L = np.where(np.isnan(W_L).all((1, 2), keepdims=True), W_E, W_L)
    last = np.zeros(len(W_L), np.intp)
    keys = np.zeros((len(W_L), W_L.shape[2]), bool)
    for cell, norms in enumerate(W_L):
        evals = np.flatnonzero(np.isfinite(norms).all(-1))
        if not evals.size:
            continue
        # Past a cell's end, and past a divergence, its curves are NaN.
        last[cell] = evals[-1]
        final = norms[evals[-1]]
        if gini(final**2) >= SPARSE_GINI:
            keys[cell] = final > THRESHOLD * final.max()
    return last, keys


def _lead(step: NDArray[Any], excluded: NDArray[Any], grok_step: float) -> float:
    """Count the steps from the rise of an excluded loss [evals] to the grok step."""
    before = np.flatnonzero(step <= grok_step)
    lowest = before[np.argmin(excluded[before])]
    later = np.arange(lowest, len(step))
    risen = later[excluded[later] >= RISE * excluded[lowest]]
    return float(grok_step - step[risen[0]]) if risen.size else np.nan
