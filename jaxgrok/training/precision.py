"""What each precision of matrix products computes on each kind of device.

A precision is named after what is computed; JAX names it otherwise for every device.

>>> products("tf32", "tpu")
Products(computes='bf16x3', setting='high', emulated=False)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxgrok.training import emulation

PRECISIONS = ("float32", "tf32", "bf16x3", "bf16")
"""Products of float32 inputs with 24, 11, about 16 and 8 significant bits, all added up
in float32."""


class Products(NamedTuple):
    """How a device computes the matrix products of a precision.

    Attributes:
        computes: the precision that it really computes, one of PRECISIONS.
        setting: the name of that for `jax.default_matmul_precision` on this device.
        emulated: whether the inputs are rounded by operations of their own, as the
            device has no such product.
        vectors_emulated: whether those of products with a vector are.
    """

    computes: str
    setting: str
    emulated: bool = False
    vectors_emulated: bool = False


PRODUCTS = {
    ("float32", "cpu"): Products("float32", "highest"),
    ("tf32", "cpu"): Products("tf32", "TF32_TF32_F32", emulated=True),
    ("bf16x3", "cpu"): Products("bf16x3", "BF16_BF16_F32_X3", emulated=True),
    ("bf16", "cpu"): Products("bf16", "BF16_BF16_F32", emulated=True),
    ("float32", "gpu"): Products("float32", "highest"),
    ("tf32", "gpu"): Products("tf32", "TF32_TF32_F32"),
    # XLA makes a product with a vector a sum of bf16 products, each rounded to bf16.
    ("bf16x3", "gpu"): Products("bf16x3", "BF16_BF16_F32_X3", vectors_emulated=True),
    ("bf16", "gpu"): Products("bf16", "BF16_BF16_F32", vectors_emulated=True),
    # A TPU multiplies bf16 alone: in six passes for float32, in three, or in one.
    ("float32", "tpu"): Products("float32", "highest"),
    ("tf32", "tpu"): Products("bf16x3", "high"),
    ("bf16x3", "tpu"): Products("bf16x3", "high"),
    ("bf16", "tpu"): Products("bf16", "default"),
}
"""By precision and platform, as JAX names the latter."""


def products(precision: str, platform: str) -> Products:
    """Return how a platform computes the products of a precision; if unknown, a GPU."""
    is_listed = (precision, platform) in PRODUCTS
    return PRODUCTS[precision, platform if is_listed else "gpu"]


def apply(products: Products, function: Callable[..., Any], *inputs: Any) -> Any:
    """Call a function whose matrix products are computed so, gradients included.

    Products that set a precision of their own keep it.
    """
    with jax.default_matmul_precision(products.setting):
        if products.emulated or products.vectors_emulated:
            vectors_only = not products.emulated
            return emulation.call(function, *inputs, vectors_only=vectors_only)
        return function(*inputs)


def note(precision: str, platform: str) -> str:
    """Return a line where a device computes in another way than its name; else ""."""
    computed = products(precision, platform)
    if computed.computes != precision:
        return (
            f"precision={precision}: a {platform.upper()} has no {precision} products; "
            f"{computed.computes} is computed instead"
        )
    if computed.emulated:
        return (
            f"precision={precision} is emulated on a {platform.upper()}: the inputs of "
            "every matrix product are rounded; slower than float32"
        )
    return ""
