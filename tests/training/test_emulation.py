"""Emulated products are those of NumPy with inputs rounded by hand, gradients too."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params
from jax.lax import DotAlgorithmPreset

import tiny
from jaxgrok.training import emulation

PRESETS = {
    "bf16": "BF16_BF16_F32",
    "tf32": "TF32_TF32_F32",
    "bf16x3": "BF16_BF16_F32_X3",
}
BITS = {"bf16": 8, "tf32": 11}
every_precision = pytest.mark.parametrize("precision", PRESETS)
X, W, V = (
    np.random.default_rng(seed).normal(size=size).astype("float32")
    for seed, size in enumerate([(6, 9), (9, 5), (6, 5)])
)


def rounded(x, bits):
    """To so many significant bits, ties to even: through the binary exponent."""
    mantissa, exponent = np.frexp(x.astype(float))
    return np.ldexp(np.round(mantissa * 2**bits) / 2**bits, exponent)


def by_hand(precision, x, y):
    """The product of two matrices in float64, of inputs rounded by hand."""
    if precision != "bf16x3":
        return rounded(x, BITS[precision]) @ rounded(y, BITS[precision])
    (x, x_rest), (y, y_rest) = ((a, rounded(a, 8)) for a in (x, y))
    x_rest, y_rest, x, y = x - x_rest, y - y_rest, x_rest, y_rest
    return x @ y + rounded(x_rest, 8) @ y + x @ rounded(y_rest, 8)


def traceable(precision, function, *inputs):
    """A function's result where its products are of a precision."""
    with jax.default_matmul_precision(PRESETS[precision]):
        return emulation.call(function, *inputs)


def emulated(precision, function, *inputs):
    """The same under jit."""
    return tiny.jit(functools.partial(traceable, precision, function))(*inputs)


def close(result, expected):
    """To the rounding of float32 sums: nothing less would tell the kinds apart."""
    np.testing.assert_allclose(result, expected, rtol=2e-6, atol=2e-6)


@every_precision
def test_a_product_is_that_of_rounded_inputs(precision):
    expected = by_hand(precision, X, W)
    close(emulated(precision, jnp.matmul, X, W), expected)
    exact = np.abs(X.astype(float) @ W - expected).max()
    least = {"bf16": 3e-3, "tf32": 3e-4, "bf16x3": 3e-6}[precision]
    assert least < exact < 30 * least


@every_precision
def test_gradients_are_products_of_rounded_inputs(precision):
    def objective(x, w):
        return jnp.sum((x @ w) * V)

    x_gradient, w_gradient = emulated(precision, jax.grad(objective, (0, 1)), X, W)
    close(x_gradient, by_hand(precision, V, W.T))
    close(w_gradient, by_hand(precision, X.T, V))


def chained(x, w):
    """Through a scan, a while loop, both branches of a cond, and a rule of its own."""

    @jax.custom_jvp
    def product(x, w):
        return x @ w

    product.defjvp(
        lambda p, t: (product(*p), product(t[0], p[1]) + product(p[0], t[1]))
    )
    y, _ = jax.lax.scan(lambda y, w: (y @ w, None), x, jnp.stack([w, w]))
    y = jax.lax.fori_loop(0, jnp.int32(len(x)) // 3, lambda _, y: y @ w, y)
    y = jax.lax.cond(y[0, 0] > 1e9, lambda y: y, lambda y: jax.jit(product)(y, w), y)
    return jax.checkpoint(product)(y, w)


@every_precision
def test_products_in_loops_branches_and_rules_are_emulated(precision):
    w = W[:5] / 3
    expected = X[:, :5]
    for _ in range(6):
        expected = by_hand(precision, np.float32(expected), w)
    close(emulated(precision, chained, X[:, :5], w), expected)


def test_lanes_under_vmap_are_emulated_each():
    lanes = jnp.stack([X, 2 * X, 3 * X])
    product = functools.partial(traceable, "bf16", jnp.matmul)
    every = tiny.jit(jax.vmap(lambda x: product(x, W)))(lanes)
    close(every[2], by_hand("bf16", np.float32(3) * X, W))


def test_a_product_with_a_precision_of_its_own_keeps_it():
    exact = functools.partial(jnp.matmul, precision="highest")
    np.testing.assert_array_equal(emulated("bf16", exact, X, W), tiny.jit(exact)(X, W))


def test_bf16_inputs_stay_as_they_are():
    one_hot = jnp.eye(9, dtype=jnp.bfloat16)

    def look_up(w):
        return jnp.matmul(one_hot, w.astype(jnp.bfloat16))

    rows = emulated("tf32", look_up, W)
    assert rows.dtype == jnp.bfloat16
    np.testing.assert_array_equal(rows, W.astype(jnp.bfloat16))


def precisions(jaxpr):
    """The precision of every product of a jaxpr, however deep."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation.params["precision"]
        for inner in jaxprs_in_params(equation.params):
            yield from precisions(inner)


def test_no_reduced_product_is_left():
    chain = functools.partial(traceable, "tf32", chained)
    kinds = list(precisions(jax.make_jaxpr(chain)(X[:, :5], W[:5]).jaxpr))
    assert len(kinds) == 4
    assert not any(isinstance(precision, DotAlgorithmPreset) for precision in kinds)


def test_pytrees_and_values_around_go_in_and_out():
    outer = jnp.float32(2)

    def function(params, key):
        noise = jax.random.normal(key, (5,))
        return {"y": params["x"] @ params["w"] * outer, "noise": (noise, None)}

    key = jax.random.key(3)
    result = emulated("bf16", function, {"x": X, "w": W}, key)
    close(result["y"], 2 * by_hand("bf16", X, W))
    np.testing.assert_array_equal(result["noise"][0], jax.random.normal(key, (5,)))
    assert result["noise"][1] is None


def convolution(x, w):
    return jax.lax.conv(x[None, None], w[None, None, :1], (1, 1), "SAME")


def solution(x, w):
    def solve(_, b):
        return w @ b

    return jax.lax.custom_linear_solve(lambda v: w @ v, x[0], solve=solve)


@pytest.mark.parametrize(
    ("function", "name"),
    [(convolution, "conv_general_dilated"), (solution, "custom_linear_solve")],
)
def test_products_that_cannot_be_replaced_are_named(function, name):
    with pytest.raises(ValueError, match=f"products of {name} cannot be emulated"):
        emulated("bf16", function, X[:5, :5], W[:5])


def products_of(jaxpr):
    """The precision of every product in a jaxpr, by whether a vector takes part."""
    found = {}
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            is_vector = min(x.aval.ndim for x in equation.invars) == 1
            found.setdefault(is_vector, set()).add(str(equation.params["precision"]))
        for inner in jaxprs_in_params(equation.params):
            for is_vector, names in products_of(inner).items():
                found.setdefault(is_vector, set()).update(names)
    return found


@pytest.mark.parametrize("precision", ["bf16", "bf16x3"])
def test_products_with_a_vector_alone_can_be_emulated(precision):
    def function(x, w):
        def step(y, row):
            return y + row @ w, x @ w

        y, matrices = jax.lax.scan(step, x[0] @ w, x)
        return y, matrices, (x[:1] @ w)[0]

    def call(x, w):
        with jax.default_matmul_precision(PRESETS[precision]):
            return emulation.call(function, x, w, vectors_only=True)

    precisions = products_of(jax.make_jaxpr(call)(X, W).jaxpr)
    # A matrix of one row is a vector, but keeps its axes.
    assert PRESETS[precision] in str(precisions[False])
    assert PRESETS[precision] not in str(precisions[True])
    y, _, one_row = jax.jit(call)(X, W)
    close(y, by_hand(precision, X[:1], W)[0] + by_hand(precision, X, W).sum(0))
    close(one_row, by_hand(precision, X[:1], W)[0])
