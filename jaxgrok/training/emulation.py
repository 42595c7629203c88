"""Matrix products of few bits on a device that has none: their inputs are rounded.

A function is traced to a jaxpr, its derivatives included, and the jaxpr is evaluated
with other products in the place of those that ask for a reduced precision. So it works
for any model, loss or optimiser, and rounds the products of the gradient too, whose
inputs are not those of the forward pass.

>>> with jax.default_matmul_precision("BF16_BF16_F32"):
...     loss, gradient = call(jax.value_and_grad(objective), params)
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.extend.core import (
    ClosedJaxpr,
    Jaxpr,
    JaxprEqn,
    Literal,
    jaxprs_in_params,
    primitives,
)
from jax.lax import DotAlgorithmPreset

Dot = Callable[[jax.Array, jax.Array], jax.Array]
"""A product of two arrays along some dimensions, in float32."""

EXPONENT_BITS = 8
"""Of float32, bf16 and tf32 alike."""
BF16_BITS, TF32_BITS = 7, 10
"""Stored bits of the mantissa; one more is implied."""
CALLS = (
    primitives.jit_p,
    primitives.closed_call_p,
    primitives.custom_jvp_call_p,
    primitives.custom_vjp_call_p,
    primitives.remat_p,
)
"""Equations that hold one jaxpr and do no more than evaluate it."""
LOOPS = (primitives.scan_p, primitives.while_p, primitives.cond_p)
"""Equations that evaluate their jaxprs a number of times."""


def call(function: Callable[..., Any], *inputs: Any, vectors_only: bool = False) -> Any:
    """Call a function with its products of reduced precision emulated.

    Those are the ones whose precision, set by themselves or by
    `jax.default_matmul_precision`, is a key of PRODUCTS. A gradient must be taken
    inside `function`: that of an emulated product is not the emulated gradient.

    Args:
        function: of arrays, in pytrees.
        *inputs: its arguments.
        vectors_only: whether to leave all to the device but products with a vector.

    Raises:
        ValueError: a product stands where it cannot be emulated.
    """
    closed, result = jax.make_jaxpr(function, return_shape=True)(*inputs)
    emulation = Emulation(_is_with_vector if vectors_only else _is_reduced)
    leaves = jax.tree.leaves(inputs)
    outputs = emulation.evaluate(closed.jaxpr, closed.consts, leaves)
    return jax.tree.unflatten(jax.tree.structure(result), outputs)


def _is_reduced(equation: JaxprEqn) -> bool:
    """Tell whether an equation is a product of reduced precision, or a convolution."""
    return equation.params.get("precision") in PRODUCTS


def _is_with_vector(equation: JaxprEqn) -> bool:
    """Tell whether an equation is a product, in reduced precision, with a vector."""
    if not _is_reduced(equation) or equation.primitive is not primitives.dot_general_p:
        return False
    contracted, batch = equation.params["dimension_numbers"]
    shapes: list[tuple[int, ...]] = [x.aval.shape for x in equation.invars]  # type: ignore[attr-defined]
    free = [
        math.prod(np.delete(shape, [*summed, *stacked]))
        for shape, summed, stacked in zip(shapes, contracted, batch, strict=True)
    ]
    return 1 in free


@dataclasses.dataclass(frozen=True)
class Emulation:
    """Evaluates jaxprs with other products in the place of some.

    Attributes:
        replaces: whether an equation's product is replaced.
    """

    replaces: Callable[[JaxprEqn], bool]

    def evaluate(
        self, jaxpr: Jaxpr, consts: Sequence[Any], inputs: Sequence[Any]
    ) -> list[Any]:
        """Evaluate a jaxpr, one equation after the other."""
        values = dict(
            zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *inputs], strict=True)
        )

        def read(atom: Any) -> Any:
            return atom.val if isinstance(atom, Literal) else values[atom]

        for equation in jaxpr.eqns:
            outputs = self._outputs(equation, [read(atom) for atom in equation.invars])
            values.update(zip(equation.outvars, outputs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _outputs(self, equation: JaxprEqn, inputs: list[Any]) -> Sequence[Any]:
        """Evaluate an equation, with another product in its place if it is one."""
        primitive, params = equation.primitive, equation.params
        is_replaced = self.replaces(equation)
        if is_replaced and primitive is primitives.dot_general_p:
            x, y = inputs
            return [_product(x, y, params)]
        if primitive in CALLS:
            inner = params["jaxpr"] if "jaxpr" in params else params["call_jaxpr"]
            if isinstance(inner, ClosedJaxpr):
                return self.evaluate(inner.jaxpr, inner.consts, inputs)
            return self.evaluate(inner, (), inputs)
        has_products = any(map(self._has_products, jaxprs_in_params(params)))
        if is_replaced or (has_products and primitive not in LOOPS):
            raise ValueError(
                f"the products of {primitive.name} cannot be emulated in reduced "
                "precision; take precision='float32'"
            )
        if has_products:
            params = {name: self._emulated(value) for name, value in params.items()}
        outputs = primitive.bind(*inputs, **params)
        return outputs if primitive.multiple_results else [outputs]

    def _has_products(self, jaxpr: Jaxpr) -> bool:
        """Tell whether a product to replace stands in a jaxpr, however deep."""
        return any(
            self.replaces(equation)
            or any(map(self._has_products, jaxprs_in_params(equation.params)))
            for equation in jaxpr.eqns
        )

    def _emulated(self, param: Any) -> Any:
        """Return a parameter of a loop with emulated products in its jaxprs, if any."""
        if isinstance(param, tuple):  # the branches of a cond
            return tuple(map(self._emulated, param))
        if not isinstance(param, ClosedJaxpr):
            return param
        shapes = [
            jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)
            for aval in param.in_avals
        ]

        def evaluate(*inputs: Any) -> list[Any]:
            return self.evaluate(param.jaxpr, param.consts, inputs)

        return jax.make_jaxpr(evaluate)(*shapes)


def _product(x: jax.Array, y: jax.Array, params: dict[str, Any]) -> jax.Array:
    """Multiply as `dot_general` of these parameters does on an accelerator."""
    dot = functools.partial(
        lax.dot_general,
        dimension_numbers=params["dimension_numbers"],
        precision=lax.Precision.HIGHEST,
        preferred_element_type=params["preferred_element_type"],
    )
    return PRODUCTS[params["precision"]](dot, x, y)


def _rounded(x: jax.Array, mantissa_bits: int) -> jax.Array:
    """Round float32 to the nearest number of so many bits, ties to even."""
    # Narrower inputs, as one-hots of bf16, are exact in these products.
    if x.dtype != "float32":
        return x
    return lax.reduce_precision(x, EXPONENT_BITS, mantissa_bits)


def _once(dot: Dot, x: jax.Array, y: jax.Array, *, mantissa_bits: int) -> jax.Array:
    """Multiply rounded inputs."""
    return dot(_rounded(x, mantissa_bits), _rounded(y, mantissa_bits))


def _three_times(dot: Dot, x: jax.Array, y: jax.Array) -> jax.Array:
    """Multiply sums of two bf16 numbers each, but not the two remainders."""
    x_high, y_high = _rounded(x, BF16_BITS), _rounded(y, BF16_BITS)
    x_low, y_low = _rounded(x - x_high, BF16_BITS), _rounded(y - y_high, BF16_BITS)
    # The small terms are added first, as XLA does.
    return dot(x_low, y_high) + dot(x_high, y_low) + dot(x_high, y_high)


PRODUCTS: dict[DotAlgorithmPreset, Callable[[Dot, jax.Array, jax.Array], jax.Array]] = {
    DotAlgorithmPreset.TF32_TF32_F32: functools.partial(_once, mantissa_bits=TF32_BITS),
    DotAlgorithmPreset.BF16_BF16_F32: functools.partial(_once, mantissa_bits=BF16_BITS),
    DotAlgorithmPreset.BF16_BF16_F32_X3: _three_times,
}
"""What takes the place of a `dot_general` of this precision."""
