"""What logits owe to chosen frequencies, judged by some of the pairs alone.

`logit_projections` projects over all pairs, those of the test set too. Here a least
squares fit over weighted pairs takes the place of the projection, so that a training
may use it: for each class, the mean of the logits, and the waves cos w_k(a ± b) and
sin w_k(a ± b) of the chosen frequencies k around their own means. Over all pairs, both
are the same.

>>> directions = orthonormal(waves(n, frequencies)[answers], weights)
>>> constant, periodic = fit(logits, directions, weights)
"""

import functools

import numpy as np

from jaxgrok.fourier.basis import Array, basis

RELATIVE = 1e-6
"""A wave is left out that the waves before it explain to this share of its square."""


def waves(n: int, frequencies: tuple[int, ...]) -> np.ndarray:
    """Return a constant, and the cosine and sine of each frequency: [n, 1 + 2 freq].

    Each has mean square 1. The sine of n/2, which is 0 everywhere, is there too.

    Args:
        n: the order of the group.
        frequencies: from 1 … n//2.
    """
    rows = np.concatenate([basis(n), np.zeros((1, n))])
    indices = [0]
    for k in frequencies:
        indices += [2 * k - 1, 2 * k]
    table: np.ndarray = rows[indices].T * np.sqrt(n)
    return table


def wave(n: int, k: Array, answers: Array) -> Array:
    """Return cosine and sine of one frequency, which may be traced: [rows, 2].

    Args:
        n: the order of the group.
        k: from 1 … n//2; of 0 there are zeros.
        answers: [rows] int.
    """
    xp = answers.__array_namespace__()
    # Around the circle in whole steps: large angles would be less exact.
    return xp.where(k > 0, xp.asarray(_circle(n))[k * answers % n], 0)


@functools.cache
def _circle(n: int) -> np.ndarray:
    """Return cosine and sine of n angles, both of mean square 1: [n, 2]."""
    angles = 2 * np.pi * np.arange(n) / n
    circle: np.ndarray = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # Half way round the sine is 0, not the rounding of π.
    circle[np.arange(n) * 2 % n == 0, 1] = 0
    circle.setflags(write=False)
    return circle


def orthonormal(columns: Array, weights: Array) -> Array:
    """Make columns orthonormal over weighted rows, the first ones first.

    Args:
        columns: [rows, columns]; the first must not be zero.
        weights: [rows], 0 for those that do not count; adding up to about 1.

    Returns:
        [rows, columns], zeros for a column that depends on those before it.
    """
    xp = columns.__array_namespace__()
    basis_so_far = columns[:, :0]
    for j in range(columns.shape[1]):
        column = columns[:, j : j + 1]
        square = xp.sum(weights[:, None] * column**2)
        residual = column
        # Once more, as the first time leaves what its rounding has added.
        for _ in range(2):
            shares = basis_so_far.T @ (weights[:, None] * residual)
            residual = residual - basis_so_far @ shares
        left = xp.sum(weights[:, None] * residual**2)
        counts = left > RELATIVE * square
        scale = xp.where(counts, 1 / xp.sqrt(xp.where(counts, left, 1)), 0)
        basis_so_far = xp.concatenate([basis_so_far, residual * scale], axis=1)
    return basis_so_far


def fit(logits: Array, directions: Array, weights: Array) -> tuple[Array, Array]:
    """Fit logits by weighted least squares, class by class.

    Args:
        logits: [rows, classes].
        directions: [rows, columns] of `orthonormal`, the constant first.
        weights: [rows] that they are orthonormal over.

    Returns:
        The fit's constant, which is the mean, and its waves, both [rows, classes].
    """
    shares = directions.T @ (weights[:, None] * logits)
    constant = directions[:, :1] @ shares[:1]
    return constant, directions[:, 1:] @ shares[1:]
