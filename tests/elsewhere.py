"""A small network as TransformerLens writes it: its arrays' names, sizes and values."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.models import transformer
from jaxgrok.tasks.modular import Modular

SIZES = {"d_model": 8, "heads": 2, "d_head": 3, "d_mlp": 12}
SHAPES = {
    "embed.W_E": (6, 8),
    "pos_embed.W_pos": (3, 8),
    "blocks.0.attn.W_Q": (2, 8, 3),
    "blocks.0.attn.W_K": (2, 8, 3),
    "blocks.0.attn.W_V": (2, 8, 3),
    "blocks.0.attn.W_O": (2, 3, 8),
    "blocks.0.attn.b_Q": (2, 3),
    "blocks.0.attn.b_K": (2, 3),
    "blocks.0.attn.b_V": (2, 3),
    "blocks.0.attn.b_O": (8,),
    "blocks.0.mlp.W_in": (8, 12),
    "blocks.0.mlp.b_in": (12,),
    "blocks.0.mlp.W_out": (12, 8),
    "blocks.0.mlp.b_out": (8,),
    "unembed.W_U": (8, 6),
    "unembed.b_U": (6,),
}
"""What HookedTransformer has for p = 5, one layer, no layer norm."""


def network(task=None, dtype="float32", **fields):
    """A task, a model, and random parameters, biases and norms included."""
    task = task or Modular(modulus=5)
    model = transformer.build(task, **(SIZES | {"dtype": dtype} | fields))
    key, tokens = jax.random.key(0), jnp.zeros((1, 3), jnp.int32)
    with jax.enable_x64(dtype == "float64"):
        shapes = jax.eval_shape(model.init, key, tokens)["params"]
    generator = np.random.default_rng(0)
    params = {
        name: generator.normal(size=leaf.shape).astype(leaf.dtype)
        for name, leaf in shapes.items()
    }
    return task, model, params


def random_arrays():
    """Arrays as in SHAPES; biases that our usual model has not are zero."""
    generator = np.random.default_rng(0)
    arrays = {n: generator.normal(size=s).astype("f4") for n, s in SHAPES.items()}
    for name in arrays:
        if ".attn.b_" in name or name.endswith("b_U"):
            arrays[name][:] = 0
    return arrays
