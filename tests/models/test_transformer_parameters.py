"""The transformer's parameters: names, layouts, order and initial values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models.transformer_parameters import declare
from jaxgrok.tasks.modular import Modular
from jaxgrok.tasks.multitask import Multitask
from networks import build


class Declared:
    """A model that keeps the shape and initial values of each parameter it is asked."""

    def __init__(self, task, **fields):
        self.model = build(task, **fields)
        self.shapes, self.initial = {}, {}
        self.order = list(declare(self))

    def __getattr__(self, name):
        return getattr(self.model, name)

    def param(self, name, initial, shape, dtype):
        self.shapes[name], self.initial[name] = shape, initial
        return jax.ShapeDtypeStruct(shape, dtype)


def test_parameters_have_transformer_lens_names_and_layouts():
    model = build(Modular(modulus=7))
    tokens = jnp.zeros((1, 3), jnp.int32)
    params = jax.eval_shape(model.init, jax.random.key(0), tokens)["params"]
    assert {name: value.shape for name, value in params.items()} == {
        "embed.W_E": (8, 8),
        "pos_embed.W_pos": (3, 8),
        "blocks.0.attn.W_Q": (2, 8, 3),
        "blocks.0.attn.W_K": (2, 8, 3),
        "blocks.0.attn.W_V": (2, 8, 3),
        "blocks.0.attn.W_O": (2, 3, 8),
        "blocks.0.mlp.W_in": (8, 12),
        "blocks.0.mlp.b_in": (12,),
        "blocks.0.mlp.W_out": (12, 8),
        "blocks.0.mlp.b_out": (8,),
        "unembed.W_U": (8, 8),
    }


def test_a_bare_network_declares_its_matrices_in_this_order():
    bare = Declared(Modular(modulus=5), biases="none")
    assert bare.order == [
        "embed.W_E",
        "pos_embed.W_pos",
        *(f"blocks.0.attn.W_{letter}" for letter in "QKVO"),
        "blocks.0.mlp.W_in",
        "blocks.0.mlp.W_out",
        "unembed.W_U",
    ]
    attention = Declared(Modular(modulus=5), attention_only=True, layers=2)
    assert not any("mlp" in name for name in attention.order)
    assert "blocks.1.attn.W_O" in attention.order


def test_biases_and_norms_stand_in_this_order_among_the_matrices():
    full = Declared(Modular(modulus=5), biases="all", layer_norm=True)
    assert full.order[2:-4] == [
        "blocks.0.ln1.w",
        "blocks.0.ln1.b",
        *(f"blocks.0.attn.W_{letter}" for letter in "QKV"),
        *(f"blocks.0.attn.b_{letter}" for letter in "QKV"),
        "blocks.0.attn.W_O",
        "blocks.0.attn.b_O",
        "blocks.0.mlp.W_in",
        "blocks.0.mlp.W_out",
        "blocks.0.ln2.w",
        "blocks.0.ln2.b",
        "blocks.0.mlp.b_in",
        "blocks.0.mlp.b_out",
    ]
    assert full.order[-4:] == ["ln_final.w", "ln_final.b", "unembed.W_U", "unembed.b_U"]
    assert full.shapes["blocks.0.attn.b_Q"] == (2, 3)
    assert full.shapes["blocks.0.attn.b_O"] == full.shapes["ln_final.w"] == (8,)


def test_several_unembeddings_have_a_leading_axis():
    task = Multitask("x+y,x-y", 5)
    several = Declared(task, biases="all").shapes
    assert several["unembed.W_U"] == (2, 8, task.vocab_out)
    assert several["unembed.b_U"] == (2, task.vocab_out)


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("embed.W_E", 8**-0.5),
        ("blocks.0.mlp.W_out", 8**-0.5),
        ("unembed.W_U", 100**-0.5),
    ],
)
def test_initial_matrices_have_the_post_s_scale(name, scale):
    initial = Declared(Modular(modulus=99)).initial[name]
    values = initial(jax.random.key(0), (10_000,), jnp.float32)
    assert values.std() == pytest.approx(scale, rel=0.05)
    assert abs(values.mean()) < 0.05 * scale


def test_initial_biases_are_zero_and_norms_the_identity():
    initial = Declared(Modular(modulus=5), biases="all", layer_norm=True).initial
    for name, value in [
        ("blocks.0.mlp.b_in", 0),
        ("blocks.0.attn.b_Q", 0),
        ("unembed.b_U", 0),
        ("ln_final.w", 1),
        ("ln_final.b", 0),
    ]:
        np.testing.assert_array_equal(initial[name](None, (3,), jnp.float32), value)
