"""The transformer in textbook order against an independent one, head by head."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import textbook
from jaxgrok.models import model_inputs, transformer
from jaxgrok.tasks.modular import Modular
from jaxgrok.tasks.multitask import Multitask
from jaxgrok.tasks.repeats import Repeats
from networks import Reads, build, examples_of, random_params, tokens_of

REPEATS = Repeats(symbols=3, length=6, repeat_length=2, occurrences=2)


@pytest.mark.parametrize(
    "task", [Modular(modulus=5), Reads(), REPEATS], ids=["x y =", "reads", "repeats"]
)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"layers": 2, "attention_only": True},
        {"layers": 2, "layer_norm": True, "biases": "all", "activation": "gelu"},
        {"biases": "none"},
    ],
    ids=lambda fields: ",".join(fields) or "post",
)
def test_logits_equal_an_independent_transformer(task, fields):
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        model, examples = build(task, dtype="float64", **fields), examples_of(task, 20)
        extras = model_inputs(task, examples)
        params = random_params(model, examples.tokens, **extras)
        apply = jax.jit(model.apply)
        logits, _ = apply({"params": params}, examples.tokens, **extras)
        want = textbook.logits(params, examples.tokens, model=model)
        read = examples.read
        if read is None:
            read = jnp.broadcast_to(jnp.array(task.read), examples.labels.shape)
        want = jnp.take_along_axis(want, read[..., None], 1)
        np.testing.assert_allclose(logits, want, rtol=1e-11, atol=1e-12)


def test_each_example_has_the_logits_of_its_unembedding():
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        task = Multitask("x+y,x-y", 5)
        model, examples = (
            build(task, dtype="float64", biases="all"),
            examples_of(task, 50),
        )
        extras = model_inputs(task, examples)
        params = random_params(model, examples.tokens, **extras)
        apply = jax.jit(model.apply)
        logits, _ = apply({"params": params}, examples.tokens, **extras)
        for operation in range(2):
            only = {
                name: value[operation] if name.startswith("unembed") else value
                for name, value in params.items()
            }
            rows = slice(25 * operation, 25 * (operation + 1))
            want = textbook.logits(only, examples.tokens[rows], model=model)[:, -1:]
            np.testing.assert_allclose(logits[rows], want, rtol=1e-11, atol=1e-12)


def test_every_activation_is_named_and_exists_at_all_positions():
    task = Modular(modulus=5)
    model = build(task, layers=2, layer_norm=True)
    tokens = tokens_of(task, 7)
    params = random_params(model, tokens)
    logits, acts = jax.jit(model.apply)({"params": params}, tokens)
    assert logits.shape == (7, 1, 6)
    stream, heads, mlp = (7, 3, 8), (7, 3, 2, 3), (7, 3, 12)
    of_block = {
        "hook_resid_pre": stream,
        "ln1.hook_normalized": stream,
        "attn.hook_q": heads,
        "attn.hook_k": heads,
        "attn.hook_v": heads,
        "attn.hook_attn_scores": (7, 2, 3, 3),
        "attn.hook_pattern": (7, 2, 3, 3),
        "attn.hook_z": heads,
        "hook_attn_out": stream,
        "hook_resid_mid": stream,
        "ln2.hook_normalized": stream,
        "mlp.hook_pre": mlp,
        "mlp.hook_post": mlp,
        "hook_mlp_out": stream,
        "hook_resid_post": stream,
    }
    assert {name: value.shape for name, value in acts.items()} == {
        "hook_embed": stream,
        "hook_pos_embed": (1, 3, 8),
        **{f"blocks.0.{name}": shape for name, shape in of_block.items()},
        **{f"blocks.1.{name}": shape for name, shape in of_block.items()},
        "ln_final.hook_normalized": stream,
    }
    np.testing.assert_allclose(acts["blocks.0.attn.hook_pattern"].sum(-1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"activation": "tanh"}, "activation='tanh' must be one of relu, gelu"),
        ({"biases": "some"}, "biases='some' must be one of none, mlp, all"),
        ({"layers": 0}, "layers=0 must be at least 1"),
    ],
)
def test_wrong_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        transformer.build(Modular(), **fields)
