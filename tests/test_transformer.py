"""The transformer against the textbook one, at look-up and no-look-up sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import textbook
from jaxgrok.losses import cross_entropy
from jaxgrok.models import transformer
from jaxgrok.models.transformer import Fold, Transformer
from jaxgrok.tasks import draw
from jaxgrok.tasks.modular import Modular
from jaxgrok.tasks.repeats import Repeats


class Reads:
    """A task stand-in that reads several positions, one of them not fixed."""

    vocab_in, vocab_out = 6, 5
    read = (1, 3)
    fixed_tokens = (None, None, 5, None, None)


def random_params(model, tokens):
    params = model.init(jax.random.key(0), tokens)["params"]
    keys = jax.random.split(jax.random.key(1), len(params))
    return {
        name: value + 0.3 * jax.random.normal(key, value.shape, value.dtype)
        for key, (name, value) in zip(keys, params.items(), strict=True)
    }


def tokens_of(task, examples):
    generator = np.random.default_rng(0)
    tokens = generator.integers(task.vocab_in, size=(examples, len(task.fixed_tokens)))
    for pos, token in enumerate(task.fixed_tokens):
        if token is not None:
            tokens[:, pos] = token
    return jnp.asarray(tokens, jnp.int32)


@pytest.mark.parametrize("task", [Modular(modulus=5), Reads()], ids=["x y =", "reads"])
@pytest.mark.parametrize("examples", [3, 40], ids=["no look-up", "look-up"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"attention_only": True},
        {"layer_norm": True, "biases": "all", "activation": "gelu"},
        {"biases": "none"},
    ],
    ids=lambda fields: ",".join(fields) or "post",
)
def test_loss_and_gradients_equal_the_textbook(task, examples, layers, fields):
    equals_the_textbook(task, examples, layers, fields)


@pytest.mark.parametrize("task", [Modular(modulus=5), Reads()], ids=["x y =", "reads"])
@pytest.mark.parametrize("examples", [3, 40], ids=["no look-up", "look-up"])
@pytest.mark.parametrize("biases", ["none", "all"])
@pytest.mark.parametrize("fold", Fold)
def test_every_fold_equals_the_textbook(task, examples, biases, fold, monkeypatch):
    monkeypatch.setattr(Transformer, "_fold", lambda *_: fold)
    equals_the_textbook(task, examples, 1, {"biases": biases})


def equals_the_textbook(task, examples, layers, fields):
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        model = transformer.build(
            task,
            layers=layers,
            d_model=8,
            heads=2,
            d_head=3,
            d_mlp=12,
            dtype="float64",
            **fields,
        )
        tokens = tokens_of(task, examples)
        labels = jnp.asarray(
            np.random.default_rng(1).integers(
                task.vocab_out, size=(examples, len(task.read))
            )
        )
        params = random_params(model, tokens)

        def ours(params):
            logits, _ = model.apply({"params": params}, tokens)
            return cross_entropy(logits, labels).mean()

        def theirs(params):
            logits = textbook.logits(params, tokens, model=model)
            chosen = jax.nn.log_softmax(logits[:, jnp.array(task.read)])
            return -jnp.take_along_axis(chosen, labels[..., None], -1).mean()

        (loss, grads), (want, want_grads) = (
            jax.jit(jax.value_and_grad(f))(params) for f in (ours, theirs)
        )
        np.testing.assert_allclose(loss, want, rtol=1e-12)
        for name, grad in grads.items():
            error = jnp.linalg.norm(grad - want_grads[name])
            # The gradient of b_K is zero in exact arithmetic: no norm to compare with.
            scale = jnp.linalg.norm(want_grads[name])
            total = jnp.sqrt(sum(jnp.sum(g**2) for g in want_grads.values()))
            floor = 0.0 if "b_K" not in name else 1e-3 * total
            assert error <= 1e-12 * max(scale, floor), name


@pytest.mark.parametrize("examples", [3, 40], ids=["no look-up", "look-up"])
@pytest.mark.parametrize("layers", [1, 2])
def test_read_positions_of_each_example_equal_the_textbook(examples, layers):
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        task = Repeats(symbols=3, length=6, repeat_length=2, occurrences=2)
        model = transformer.build(
            task, layers=layers, d_model=8, heads=2, d_head=3, d_mlp=12, dtype="float64"
        )
        drawn = draw(task, jax.random.key(0), examples)
        tokens, labels, read = (jnp.asarray(x) for x in drawn)
        params = model.init(jax.random.key(0), tokens, read=read)["params"]
        params = {
            k: w + 0.3 * jnp.cos(jnp.arange(w.size)).reshape(w.shape)
            for k, w in params.items()
        }

        def ours(params):
            logits, _ = model.apply({"params": params}, tokens, read=read)
            return cross_entropy(logits, labels).mean()

        def theirs(params):
            logits = textbook.logits(params, tokens, model=model)
            chosen = jnp.take_along_axis(logits, read[..., None], 1)
            chosen = jax.nn.log_softmax(chosen)
            return -jnp.take_along_axis(chosen, labels[..., None], -1).mean()

        (loss, grads), (want, want_grads) = (
            jax.jit(jax.value_and_grad(f))(params) for f in (ours, theirs)
        )
        np.testing.assert_allclose(loss, want, rtol=1e-12)
        for name, grad in grads.items():
            scale = jnp.linalg.norm(want_grads[name])
            assert jnp.linalg.norm(grad - want_grads[name]) <= 1e-11 * scale, name


def test_dropout_thins_patterns_and_mlp_and_keeps_their_mean():
    task = Modular(modulus=5)
    model = transformer.build(task, d_model=8, heads=2, d_head=4, d_mlp=8)
    tokens = jnp.asarray(task.pool()[0])
    params = random_params(model, tokens)
    plain, _ = model.apply({"params": params}, tokens)

    @jax.jit
    @jax.vmap
    def dropped(key):
        return model.apply({"params": params}, tokens, dropout=(0.3, key))[0]

    found = dropped(jax.random.split(jax.random.key(0), 4000))
    assert (np.ptp(found, axis=0) > 0).all()
    none = model.apply({"params": params}, tokens, dropout=(0.0, jax.random.key(0)))[0]
    np.testing.assert_allclose(none, plain, rtol=1e-6, atol=1e-6)
    # Without MLP the logits are linear in the pattern: dropout is unbiased.
    linear = transformer.build(
        task, d_model=8, heads=2, d_head=4, d_mlp=8, attention_only=True
    )
    params = random_params(linear, tokens)
    plain, _ = linear.apply({"params": params}, tokens)

    @jax.jit
    @jax.vmap
    def thinned(key):
        return linear.apply({"params": params}, tokens, dropout=(0.3, key))[0]

    found = thinned(jax.random.split(jax.random.key(1), 4000))
    error = np.abs(found.mean(0) - plain) / (np.std(found, 0) / np.sqrt(4000) + 1e-6)
    assert error.max() < 5


def test_activations_are_named_and_exist_at_read_positions():
    task = Modular(modulus=5)
    model = transformer.build(task, layers=2, d_model=8, heads=2, d_head=3, d_mlp=12)
    tokens = tokens_of(task, 7)
    params = model.init(jax.random.key(0), tokens)["params"]
    logits, acts = model.apply({"params": params}, tokens)
    assert logits.shape == (7, 1, 6)
    assert acts["blocks.0.attn.hook_pattern"].shape == (7, 2, 3, 3)
    assert acts["blocks.1.attn.hook_pattern"].shape == (7, 2, 1, 3)
    assert acts["blocks.1.mlp.hook_post"].shape == (7, 1, 12)
    np.testing.assert_allclose(acts["blocks.0.attn.hook_pattern"].sum(-1), 1, rtol=1e-6)
    names = {"hook_q", "hook_k", "hook_v", "hook_attn_scores", "hook_pattern", "hook_z"}
    assert {f"blocks.0.attn.{name}" for name in names} <= acts.keys()


def test_parameters_have_transformer_lens_names_and_layouts():
    model = transformer.build(
        Modular(modulus=7), d_model=8, heads=2, d_head=3, d_mlp=12
    )
    params = model.init(jax.random.key(0), jnp.zeros((1, 3), jnp.int32))["params"]
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


@pytest.mark.parametrize(
    ("sizes", "fold"),
    [
        # The post's x + y mod 113, and the laptop's mod 47.
        ({"examples": 3840, "heads": 128, "mlp": 512, "vocab": 114}, Fold.ALL),
        ({"examples": 1152, "heads": 32, "mlp": 128, "vocab": 48}, Fold.NONE),
        # Digits in a second layer, where all streams differ.
        ({"examples": 4200, "heads": 256, "mlp": 1024, "vocab": 10}, Fold.OUT),
    ],
)
def test_products_of_matrices_are_formed_where_that_is_less_work(sizes, fold):
    rows = sizes["examples"] if fold is Fold.OUT else 1
    assert Fold.best(rows=rows, model=sizes["heads"], **sizes) is fold


def test_the_folded_network_multiplies_less():
    task = Modular()
    tokens = tokens_of(task, 3840)
    found = {}
    for name in ("best", "none"):
        model = transformer.build(task)
        params = model.init(jax.random.key(0), tokens[:1])["params"]
        with pytest.MonkeyPatch.context() as patch:
            if name == "none":
                patch.setattr(Transformer, "_fold", lambda *_: Fold.NONE)
            run = jax.jit(lambda p, model=model: model.apply({"params": p}, tokens)[0])
            found[name] = run.lower(params).compile().cost_analysis()["flops"]
    assert 0.8 < found["best"] / found["none"] < 0.92
