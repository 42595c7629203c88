"""The transformer against the textbook one, at look-up and no-look-up sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import textbook
from jaxgrok.models import suited, transformer
from jaxgrok.models.product_order import Fold, Sizes
from jaxgrok.models.transformer import Transformer
from jaxgrok.tasks import Sampled, draw
from jaxgrok.tasks.modular import Modular
from jaxgrok.tasks.repeats import Repeats
from jaxgrok.training.losses import cross_entropy


class Reads(Sampled):
    """A task stand-in that reads several positions, one of them not fixed."""

    universe, sample = 0, None

    vocab_in, vocab_out = 6, 5
    read = (1, 3)
    fixed_tokens = (None, None, 5, None, None)


def initial(model, tokens):
    return jax.jit(model.init)(jax.random.key(0), tokens)["params"]


def apply(model, params, tokens):
    return jax.jit(model.apply)({"params": params}, tokens)


def random_params(model, tokens, **extras):
    """Parameters without a zero among them; a program that draws them takes seconds."""
    generator = np.random.default_rng(1)
    shapes = jax.eval_shape(model.init, jax.random.key(0), tokens, **extras)["params"]
    return {
        name: (0.5 * generator.normal(size=like.shape)).astype(like.dtype)
        for name, like in shapes.items()
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
@pytest.mark.parametrize("fold", [Fold.NONE, Fold.OUT, Fold.ALL])
def test_every_fold_equals_the_textbook(task, examples, biases, fold, monkeypatch):
    monkeypatch.setattr(Transformer, "_fold", lambda *_: fold)
    equals_the_textbook(task, examples, 1, {"biases": biases})


class Free(Sampled):
    """A task stand-in that has no fixed token."""

    universe, sample = 0, None

    vocab_in, vocab_out = 6, 5
    read = (1,)
    fixed_tokens = (None, None, None)


@pytest.mark.parametrize("task", [Modular(modulus=5), Free()], ids=["x y =", "free"])
@pytest.mark.parametrize("biases", ["none", "all"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_sums_of_looked_up_rows_equal_the_textbook(
    task, biases, activation, monkeypatch
):
    summed = []

    def fold(_self, _here, heads):
        summed.append(heads.n_weights)
        return Fold.ROWS

    monkeypatch.setattr(Transformer, "_fold", fold)
    equals_the_textbook(task, 40, 1, {"biases": biases, "activation": activation})
    assert summed[-1] == 2 * 2  # heads × free positions


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
        grads, want_grads = jax.device_get((grads, want_grads))
        for name, grad in grads.items():
            error = np.linalg.norm(grad - want_grads[name])
            # The gradient of b_K is zero in exact arithmetic: no norm to compare with.
            scale = np.linalg.norm(want_grads[name])
            total = np.sqrt(sum(np.sum(g**2) for g in want_grads.values()))
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
        params = random_params(model, tokens, read=read)

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
        grads, want_grads = jax.device_get((grads, want_grads))
        for name, grad in grads.items():
            scale = np.linalg.norm(want_grads[name])
            assert np.linalg.norm(grad - want_grads[name]) <= 1e-11 * scale, name


def test_dropout_thins_patterns_and_mlp_and_keeps_their_mean():
    task = Modular(modulus=5)
    model = transformer.build(task, d_model=8, heads=2, d_head=4, d_mlp=8)
    tokens = jnp.asarray(task.pool()[0])
    params = random_params(model, tokens)
    plain, _ = apply(model, params, tokens)

    @jax.jit
    @jax.vmap
    def dropped(key):
        return model.apply({"params": params}, tokens, dropout=(0.3, key))[0]

    found = dropped(jax.random.split(jax.random.key(0), 4000))
    assert (np.ptp(found, axis=0) > 0).all()
    dropout = 0.0, jax.random.key(0)
    none, _ = jax.jit(model.apply)({"params": params}, tokens, dropout=dropout)
    np.testing.assert_allclose(none, plain, rtol=1e-6, atol=1e-6)
    # Without MLP the logits are linear in the pattern: dropout is unbiased.
    linear = transformer.build(
        task, d_model=8, heads=2, d_head=4, d_mlp=8, attention_only=True
    )
    params = random_params(linear, tokens)
    plain, _ = apply(linear, params, tokens)

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
    logits, acts = apply(model, initial(model, tokens), tokens)
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
    params = initial(model, jnp.zeros((1, 3), jnp.int32))
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


POST = Sizes(
    3840, rows=1, keys=229, weights=8, heads=128, model=128, mlp=512, vocab=114
)
LAPTOP = Sizes(1152, rows=1, keys=97, weights=8, heads=32, model=32, mlp=128, vocab=48)
DIGITS = Sizes(
    4200, rows=4200, keys=4200, weights=0, heads=256, model=256, mlp=1024, vocab=10
)


@pytest.mark.parametrize(
    ("sizes", "fold"),
    [
        # The post's x + y mod 113, where rows can be summed and where not.
        (POST, Fold.ROWS),
        (POST._replace(weights=0), Fold.ALL),
        # The same with so many heads that as many rows are weighted as z is wide.
        (POST._replace(weights=128), Fold.ALL),
        (LAPTOP, Fold.NONE),
        # Digits in a second layer, where all streams differ.
        (DIGITS, Fold.OUT),
    ],
)
def test_products_of_matrices_are_formed_where_that_is_less_work(sizes, fold):
    assert Fold.best(sizes) is fold


def test_rows_are_summed_where_a_query_has_few_of_them(monkeypatch):
    found = []
    best = Fold.best
    monkeypatch.setattr(Fold, "best", lambda sizes: found.append(sizes) or best(sizes))

    def sizes(task, platform="cpu", **fields):
        model = suited(transformer.build(task, **fields), platform)
        tokens = tokens_of(task, 3840)
        jax.eval_shape(model.init, jax.random.key(0), tokens)
        return found[-1]

    assert sizes(Modular()) == POST
    assert sizes(Modular(), "gpu").weights == 0
    assert sizes(Modular(), layers=2).weights == 0  # nothing to look up
    assert sizes(Reads()).weights == 0  # two queries


def test_the_folded_network_multiplies_less():
    task = Modular()
    tokens = tokens_of(task, 3840)
    found = {}
    for name in ("best", "none"):
        model = transformer.build(task)
        params = initial(model, tokens[:1])
        with pytest.MonkeyPatch.context() as patch:
            if name == "none":
                patch.setattr(Transformer, "_fold", lambda *_: Fold.NONE)
            run = jax.jit(lambda p, model=model: model.apply({"params": p}, tokens)[0])
            found[name] = run.lower(params).compile().cost_analysis()["flops"]
    assert 0.8 < found["best"] / found["none"] < 0.92
