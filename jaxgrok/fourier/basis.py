"""The real Fourier basis of functions on the integers modulo p, and sparsity.

The basis is a float64 constant that takes the dtype of what it is applied to.

>>> transform(W_E)                      # [p, model] -> components [p, model]
>>> transform_2d(logits)                # [p, p, classes] -> [p, p, classes]
"""

import functools
import math
from typing import Any

import numpy as np

Array = Any
"""A NumPy array, or a JAX array (traced or not)."""


@functools.cache
def basis(p: int) -> np.ndarray:
    """Return orthonormal rows F_j of functions on 0 … p-1: [p, p] float64, read-only.

    F_0 is constant, F_{2k-1} ∝ cos(2πkx/p) and F_{2k} ∝ sin(2πkx/p) for k = 1 … p//2;
    for even p the last sine, which is zero, is absent.
    """
    if p < 1:
        raise ValueError(f"p={p} must be at least 1")
    k, x = frequencies(p)[:, None], np.arange(p)[None]
    # Reduced before it is an angle: cos and sin of large angles are less exact.
    angle = 2 * np.pi * (k * x % p) / p
    rows = np.where(np.arange(p)[:, None] % 2 == 1, np.cos(angle), np.sin(angle))
    rows[0] = 1
    # The mean square of a cosine is ½; of the constant and of cos at k = p/2 it is 1.
    rows *= np.where((k == 0) | (2 * k == p), 1, np.sqrt(2)) / np.sqrt(p)
    rows.setflags(write=False)
    return rows


def frequencies(p: int) -> np.ndarray:
    """Return the k of each row of the basis, 0 for the constant: [p] int."""
    return (np.arange(p) + 1) // 2


def transform(x: Array, axis: int = 0) -> Array:
    """Return the components of x along an axis of length p, in the basis' order."""
    return _along(basis(x.shape[axis]), x, axis)


def component_norms(matrix: Array, axis: int = 0) -> Array:
    """Return the norm of each component along one axis, over the other axis: [p]."""
    xp = matrix.__array_namespace__()
    return xp.linalg.norm(transform(matrix, axis), axis=1 - axis)


def inverse(components: Array, axis: int = 0) -> Array:
    """Return the values whose components along an axis are these."""
    return _along(basis(components.shape[axis]).T, components, axis)


def transform_2d(x: Array) -> Array:
    """Return components [p, p, ...] of a function [p, p, ...] along F_i(x) F_j(y)."""
    return transform(transform(x, 0), 1)


def inverse_2d(components: Array) -> Array:
    """Return the function [p, p, ...] that has these 2-D components."""
    return inverse(inverse(components, 0), 1)


def _along(matrix: np.ndarray, x: Array, axis: int) -> Array:
    """Multiply a matrix into one axis, without transposing the others."""
    xp = x.__array_namespace__()
    dtype = x.dtype if np.issubdtype(x.dtype, np.floating) else np.float64
    axis %= x.ndim
    matrix, size = matrix.astype(dtype), x.shape[axis]
    columns = math.prod(x.shape[axis + 1 :])
    # One matrix product, batched over what comes before the axis.
    if columns == 1:
        flat = xp.reshape(x, (-1, size)) @ matrix.T
    else:
        flat = matrix[None] @ xp.reshape(x, (-1, size, columns))
    return xp.reshape(flat, x.shape)


def by_frequency(energy: Array, p: int, axis: int = 0) -> Array:
    """Sum over the cosine and sine of each frequency along an axis of length p.

    Energies are squared components or squared norms of them, [..., p, ...]; the result
    is [..., p//2, ...] for k = 1 … p//2. The constant is left out.
    """
    xp = energy.__array_namespace__()
    energy = xp.moveaxis(energy, axis, 0)
    cosines, sines = split(energy, p)
    return xp.moveaxis(cosines + sines, 0, axis)


def split(components: Array, p: int) -> tuple[Array, Array]:
    """Return the cosine and the sine rows of [p, ...], both [p//2, ...].

    The sine that even p lacks is given as zeros.
    """
    xp = components.__array_namespace__()
    cosines, sines = components[1::2], components[2::2]
    if p % 2 == 0:
        sines = xp.concat([sines, xp.zeros_like(cosines[:1])])
    return cosines, sines


def gini(values: Array) -> Array:
    """Return the Gini coefficient of values [N] ≥ 0: 0 all equal, 1 - 1/N only one.

    Hurley & Rickard 2009: with c sorted ascending,
    G = 1 - 2 Σ_k (c_k / ‖c‖₁) (N - k + ½) / N. All zeros count as equal.
    """
    xp = values.__array_namespace__()
    size = values.shape[0]
    # NumPy, so that inside jit the weights are a constant.
    weights = (size - np.arange(1, size + 1) + 0.5) / size
    total = xp.sum(values)
    area = xp.sum(xp.sort(values) * weights.astype(values.dtype))
    return xp.where(total > 0, 1 - 2 * area / xp.where(total > 0, total, 1), 0)
