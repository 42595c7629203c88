"""What arrays a network has: by form, inferred from them, or refused in one line."""

import dataclasses

import numpy as np
import pytest
from elsewhere import SHAPES, network

from jaxgrok.circuits.weights.layout import (
    Form,
    axes_of,
    bracket,
    check,
    fill_biases,
    infer,
)
from jaxgrok.circuits.weights.transformerlens_config import config_of

USUAL = Form(
    n_layers=1,
    n_ctx=3,
    n_heads=2,
    d_head=3,
    d_model=8,
    d_mlp=12,
    d_vocab=6,
    d_vocab_out=6,
    attn_only=False,
    normalization_type=None,
)
"""The form of the arrays in SHAPES."""


def test_a_form_is_the_part_of_a_config_that_decides_the_arrays():
    task, model, _ = network()
    assert Form.of_config(config_of(task, model, seed=3)) == USUAL


def test_a_form_says_the_shape_of_every_array():
    shapes = {name: USUAL.shape(axes) for name, axes in axes_of(USUAL).items()}
    assert shapes == SHAPES


def test_every_layer_has_its_own_arrays():
    deep = axes_of(dataclasses.replace(USUAL, n_layers=3))
    layers = [name for name in deep if name.endswith("attn.W_Q")]
    assert layers == [f"blocks.{layer}.attn.W_Q" for layer in range(3)]
    assert sum(name == "embed.W_E" for name in deep) == 1


def test_layer_norms_have_arrays_unless_they_are_folded():
    whole = axes_of(dataclasses.replace(USUAL, normalization_type="LN"))
    norms = {f"{n}.{e}" for n in ("blocks.0.ln1", "blocks.0.ln2") for e in "wb"}
    assert whole.keys() - SHAPES.keys() == norms | {"ln_final.w", "ln_final.b"}
    folded = axes_of(dataclasses.replace(USUAL, normalization_type="LNPre"))
    assert folded.keys() == SHAPES.keys()


def test_an_attention_only_form_has_no_mlp_and_no_norm_before_it():
    bare = axes_of(dataclasses.replace(USUAL, attn_only=True, normalization_type="LN"))
    assert not [name for name in bare if ".mlp." in name or ".ln2." in name]
    assert "blocks.0.ln1.w" in bare


def test_missing_biases_become_zeros_and_missing_weights_do_not(arrays):
    b_in = arrays["blocks.0.mlp.b_in"]
    few = {"embed.W_E": arrays["embed.W_E"].astype("f8"), "blocks.0.mlp.b_in": b_in}
    fill_biases(few, USUAL)
    biases = {name for name in SHAPES if ".b_" in name}
    assert few.keys() == biases | {"embed.W_E"}
    assert few["blocks.0.mlp.b_in"] is b_in
    assert few["unembed.b_U"].dtype == np.float64
    assert few["blocks.0.attn.b_Q"].tolist() == [[0.0] * 3] * 2


def test_the_form_is_inferred_from_the_arrays(arrays):
    assert infer(arrays) == USUAL
    del arrays["blocks.0.attn.b_Q"]
    assert infer(arrays) == USUAL
    arrays["unembed.W_U"] = arrays["unembed.W_U"][:, :5]
    assert infer(arrays) == dataclasses.replace(USUAL, d_vocab_out=5)
    arrays |= {"blocks.0.ln1.w": np.ones(8), "blocks.1.attn.W_Q": np.ones(0)}
    form = infer({n: a for n, a in arrays.items() if ".mlp." not in n})
    assert (form.attn_only, form.d_mlp) == (True, None)
    assert (form.n_layers, form.normalization_type) == (2, "LN")


def test_arrays_of_a_form_pass(arrays):
    check(arrays, USUAL)
    check({name: array.astype("f2") for name, array in arrays.items()}, USUAL)


def change(name, array):
    return lambda arrays: arrays.update({name: array})


def drop(name):
    return lambda arrays: arrays.pop(name)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (drop("embed.W_E"), r"embed.W_E is missing; expected \[vocab, model\]; there "),
        (
            drop("blocks.0.attn.W_O"),
            r"blocks.0.attn.W_O is missing; expected \[heads, head, model\] = "
            r"\[2, 3, 8\]$",
        ),
        (
            drop("blocks.0.mlp.W_out"),
            r"blocks.0.mlp.W_out is missing; expected \[mlp, model\] = \[12, 8\]",
        ),
        (
            change("blocks.0.attn.W_O", np.zeros((2, 8, 3), "f4")),
            r"blocks.0.attn.W_O is \[2, 8, 3\]; expected \[heads, head, model\] = "
            r"\[2, 3, 8\]$",
        ),
        (
            change("pos_embed.W_pos", np.zeros((5, 8), "f4")),
            r"pos_embed.W_pos is \[5, 8\]; expected \[pos, model\] = \[3, 8\]",
        ),
        (
            change("embed.W_E", np.zeros(6, "f4")),
            r"embed.W_E is \[6\]; expected \[vocab, model\]",
        ),
        (
            change("embed.W_E", np.zeros((2, 8), "f4")),
            r"embed.W_E is \[2, 8\]; expected \[p \+ 1, model\], p at least 2",
        ),
        (
            change("unembed.W_U", np.zeros((8, 7), "f4")),
            r"unembed.W_U is \[8, 7\]; expected \[model, vocab_out\] = \[8, 5\] or "
            r"\[8, 6\], since embed.W_E has 6 rows",
        ),
        (
            change("blocks.0.mlp.b_in", np.zeros(8, "f4")),
            r"blocks.0.mlp.b_in is \[8\]; expected \[mlp\] = \[12\]",
        ),
        (
            change("blocks.0.attn.q.weight", np.zeros((8, 6), "f4")),
            "no use for: blocks.0.attn.q.weight; names are TransformerLens'",
        ),
        (
            change("blocks.2.attn.W_Q", np.zeros((2, 8, 3), "f4")),
            r"blocks.1.attn.W_Q is missing; .*there are also blocks.2.attn.W_Q",
        ),
        (
            change("blocks.0.ln2.w", np.ones(8, "f4")),
            "no use for: blocks.0.ln2.w;",
        ),
        (
            change("blocks.0.ln1.w", np.ones(8, "f4")),
            r"blocks.0.ln1.b is missing; expected \[model\] = \[8\]",
        ),
        (
            change("embed.W_E", np.zeros((6, 8), int)),
            "embed.W_E is int64; expected float32 or float64",
        ),
        (
            change("embed.W_E", np.full((6, 8), np.nan, "f4")),
            "embed.W_E holds 48 values that are not finite",
        ),
    ],
)
def test_what_is_wrong_with_an_array_is_one_line(arrays, spoil, words):
    spoil(arrays)
    with pytest.raises(ValueError, match=words) as caught:
        check(arrays, infer(arrays))
    assert "\n" not in str(caught.value)


def test_of_many_unknown_arrays_six_are_named(arrays):
    arrays |= {f"mlp{i}": np.zeros(1) for i in range(8)}
    with pytest.raises(ValueError, match=r"no use for: mlp0, .*, mlp5 and 2 more;"):
        check(arrays, USUAL)


def test_sizes_are_written_in_brackets():
    assert bracket((2, "model")) == "[2, model]"
