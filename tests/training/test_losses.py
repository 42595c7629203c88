"""Cross entropies against fifty-digit arithmetic on the same float32 logits."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok.training.losses import LOSSES, cross_entropy, is_argmax

exact = LOSSES["exact"]

SMALLEST_NORMAL = np.finfo(np.float32).tiny


def _examples(margins, vocab, spread=1.0, offset=0.0, dtype=np.float32):
    """Logits [examples, vocab] at these margins, and labels [examples]."""
    rng = np.random.default_rng(vocab)
    logits = rng.normal(0, spread, (len(margins), vocab))
    labels = rng.integers(0, vocab, len(margins)).astype(np.int32)
    rows = np.arange(len(margins))
    logits[rows, labels] = -np.inf
    logits[rows, labels] = np.logaddexp.reduce(logits, axis=-1) + margins
    return (logits + offset).astype(dtype), labels


def _oracle(logits, labels):
    """Loss [examples] and gradient [examples, vocab] in fifty digits, then float64."""
    losses, gradients = [], []
    with mpmath.workdps(50):
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
            right = mpmath.mpf(row[label])
            odds = [mpmath.exp(logit - right) for logit in row]
            odds[label] = mpmath.mpf(0)
            wrong = mpmath.fsum(odds)
            losses.append(float(mpmath.log1p(wrong)))
            odds[label] = -wrong
            gradients.append([float(odd / (1 + wrong)) for odd in odds])
    return np.array(losses), np.array(gradients)


def _loss_and_gradient(logits, labels, arm="exact"):
    one = jax.value_and_grad(lambda row, label: cross_entropy(row, label, arm))
    loss, gradient = tiny.jit(jax.vmap(one))(logits, labels)
    return np.asarray(loss), np.asarray(gradient)


def _assert_close(actual, truth, rtol):
    # atol covers what float32 itself cannot hold: subnormals may read zero.
    np.testing.assert_array_equal(actual[truth == 0], 0)
    normal = np.abs(truth) >= SMALLEST_NORMAL
    np.testing.assert_allclose(actual[normal], truth[normal], rtol=rtol)
    np.testing.assert_allclose(actual[~normal], truth[~normal], atol=SMALLEST_NORMAL)


@pytest.mark.parametrize("vocab", [2, 113, 114])
@pytest.mark.parametrize("reach", [10, 40, 75])
def test_exact_matches_fifty_digits(reach, vocab):
    margins = np.linspace(-reach, reach, 7)
    settings = [(s, o) for s in (0.0, 1.0, 20.0) for o in (0.0, -30.0, 7.3, 1000.0)]
    batches = [_examples(margins, vocab, *setting) for setting in settings]
    logits, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    loss, gradient = _loss_and_gradient(logits, labels)
    true_loss, true_gradient = _oracle(logits, labels)
    assert loss.dtype == gradient.dtype == np.float32
    _assert_close(loss, true_loss, rtol=1e-6)
    _assert_close(gradient, true_gradient, rtol=1e-6)


def test_exact_holds_down_to_the_smallest_normal_number():
    logits = np.zeros((64, 2), np.float32)
    logits[:, 1] = np.linspace(-87.33, -80, 64)
    # Each of these 113 terms is subnormal, their sum is not.
    crowd = np.full((1, 114), -89, np.float32)
    crowd[:, 0] = 0
    for rows in (logits, crowd):
        labels = np.zeros(len(rows), np.int32)
        loss, gradient = _loss_and_gradient(rows, labels)
        true_loss, true_gradient = _oracle(rows, labels)
        np.testing.assert_allclose(loss, true_loss, rtol=1e-6)
        _assert_close(gradient, true_gradient, rtol=1e-6)


def test_exact_gradient_sums_to_zero():
    logits, labels = _examples(np.linspace(-60, 60, 41), 113)
    _, gradient = _loss_and_gradient(logits, labels)
    total = np.abs(gradient.astype(np.float64).sum(-1))
    assert np.all(total < 1e-6 * np.abs(gradient).max(-1))


def test_arms_agree_at_moderate_margins():
    logits, labels = _examples(np.linspace(-10, 5, 31), 113)
    loss, gradient = _loss_and_gradient(logits, labels)
    for arm, rtol in (("float64", 1e-6), ("float32", 1e-4)):
        other_loss, other_gradient = _loss_and_gradient(logits, labels, arm)
        np.testing.assert_allclose(other_loss, loss, rtol=rtol)
        np.testing.assert_allclose(other_gradient, gradient, rtol=rtol)


def test_float64_arm_survives_below_the_float32_floor():
    logits, labels = _examples(np.linspace(15, 25, 11), 113)
    true_loss, true_gradient = _oracle(logits, labels)
    loss, gradient = _loss_and_gradient(logits, labels, "float64")
    assert loss.dtype == gradient.dtype == np.float32
    # At margin 25 the loss is 1e-11, and p - 1 is good to 1e-16 of it.
    np.testing.assert_allclose(loss, true_loss, rtol=1e-4)
    np.testing.assert_allclose(gradient, true_gradient, rtol=1e-4)


def _stablemax_oracle(logits, labels):
    """StableMax's loss and gradient in fifty digits, by its definition."""
    losses, gradients = [], []
    with mpmath.workdps(50):
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
            row = [mpmath.mpf(logit) for logit in row]
            odds = [x + 1 if x >= 0 else 1 / (1 - x) for x in row]
            slopes = [1 if x >= 0 else 1 / (1 - x) ** 2 for x in row]
            total = mpmath.fsum(odds)
            losses.append(float(-mpmath.log(odds[label] / total)))
            gradients.append(
                [
                    float(slope / total - (slope / odds[i] if i == label else 0))
                    for i, slope in enumerate(slopes)
                ]
            )
    return np.array(losses), np.array(gradients)


@pytest.mark.parametrize("vocab", [2, 113])
@pytest.mark.parametrize("reach", [1.0, 30.0, 1e4, 1e8])
def test_stablemax_matches_fifty_digits(reach, vocab):
    margins = reach * np.linspace(-1, 1, 9)
    batches = [_examples(margins, vocab, 1.0, offset) for offset in (0.0, -reach)]
    logits, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    logits[0, labels[0]] = 0  # where both halves meet
    loss, gradient = _loss_and_gradient(logits, labels, "stablemax")
    true_loss, true_gradient = _stablemax_oracle(logits, labels)
    assert loss.dtype == gradient.dtype == np.float32
    _assert_close(loss, true_loss, rtol=1e-6)
    _assert_close(gradient, true_gradient, rtol=2e-6)


def test_stablemax_s_loss_is_never_zero_where_softmax_s_is():
    logits = np.zeros((3, 5), np.float32)
    logits[:, 2] = 20, 1e3, 1e6
    labels = np.full(3, 2)
    assert (np.asarray(cross_entropy(logits, labels, "float32")) == 0).all()
    loss = np.asarray(cross_entropy(logits, labels, "stablemax"))
    np.testing.assert_allclose(loss, np.log1p(4 / (1 + logits[:, 2])), rtol=1e-6)


@pytest.mark.parametrize("arm", sorted(set(LOSSES) - {"stablemax"}))
def test_numpy_int64_labels_work_outside_jit(arm):
    logits, labels = _examples(np.linspace(-8, 8, 4), 7)
    wide = labels.astype(np.int64)
    truth, _ = _oracle(logits, labels)
    lanes = jax.vmap(lambda row, label: cross_entropy(row, label, arm))(logits, wide)
    for loss in (lanes, cross_entropy(logits, wide, arm)):
        np.testing.assert_allclose(loss, truth, rtol=1e-3)


def test_float32_arm_shows_its_floor():
    logits, labels = _examples(np.linspace(10, 25, 301), 2)
    loss, gradient = _loss_and_gradient(logits, labels, "float32")
    exact_loss, exact_gradient = _loss_and_gradient(logits, labels)
    floor = 1.19e-7
    between = (loss > 0) & (loss < floor)
    assert not between.any() and np.min(loss[loss > 0]) < 1.01 * floor
    assert np.any((exact_loss > 0) & (exact_loss < floor))
    # The right logit's pull vanishes; the wrong logits keep theirs, so it leans.
    right = np.take_along_axis(gradient, labels[:, None], -1)[:, 0]
    assert np.any(loss == 0) and np.all(right[loss == 0] == 0)
    assert np.all(np.take_along_axis(exact_gradient, labels[:, None], -1) < 0)


def test_exact_traces_without_float64():
    def traced(arm):
        gradient = jax.grad(lambda row, label: cross_entropy(row, label, arm))
        return str(jax.make_jaxpr(jax.vmap(gradient))(*_examples(np.zeros(3), 5)))

    assert "f64" in traced("float64")
    assert "f64" not in traced("exact")


@pytest.mark.parametrize("arm", LOSSES)
def test_leading_shapes_and_vmap_equal_a_loop(arm):
    logits, labels = _examples(np.linspace(-8, 8, 6), 7)
    loss = tiny.jit(lambda logits, labels: cross_entropy(logits, labels, arm))
    loop = np.array([loss(*pair) for pair in zip(logits, labels, strict=True)])
    grid = loss(logits.reshape(2, 3, 7), labels.reshape(2, 3))
    lanes = jax.vmap(loss)(logits, labels)
    assert grid.shape == (2, 3) and len(set(loop.tolist())) == 6
    np.testing.assert_allclose(grid.ravel(), loop, rtol=1e-6)
    np.testing.assert_allclose(lanes, loop, rtol=1e-6)


def test_exact_follows_float64_logits():
    logits, labels = _examples(np.linspace(-75, 75, 13), 113, 20.0, dtype=np.float64)
    true_loss, true_gradient = _oracle(logits, labels)
    with jax.enable_x64(True):
        loss, gradient = _loss_and_gradient(logits, labels)
    assert loss.dtype == gradient.dtype == np.float64
    np.testing.assert_allclose(loss, true_loss, rtol=1e-14)
    np.testing.assert_allclose(gradient, true_gradient, rtol=1e-14)


def test_exact_has_the_hessian_of_softmax():
    logits = jnp.array([1.0, 2.0, 4.0])
    p = np.asarray(jax.nn.softmax(logits))
    hessian = tiny.jit(jax.hessian(cross_entropy))(logits, 1)
    np.testing.assert_allclose(hessian, np.diag(p) - np.outer(p, p), rtol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("arm", LOSSES)
def test_a_diverged_example_is_visible_and_alone(arm, bad):
    logits, labels = _examples(np.linspace(-8, 8, 4), 7)
    clean, _ = _loss_and_gradient(logits, labels, arm)
    logits[1, labels[1]] = bad
    loss, _ = _loss_and_gradient(logits, labels, arm)
    assert not np.isfinite(loss[1])
    np.testing.assert_array_equal(np.delete(loss, 1), np.delete(clean, 1))


def test_a_wrong_arm_lists_the_valid_ones():
    message = "loss='exakt' is unknown; .*choose one of exact, float64, float32"
    with pytest.raises(ValueError, match=message):
        cross_entropy(jnp.zeros(3), 0, arm="exakt")


@pytest.fixture
def forgotten(monkeypatch):
    monkeypatch.setattr(LOSSES, "_entries", dict(LOSSES))


def test_a_registered_loss_trains_by_name(forgotten, tmp_path):
    jaxgrok.losses.register("halved", lambda logits, labels: exact(logits, labels) / 2)
    config = tiny.config(loss=("exact", "halved"), optimiser="sgd", learning_rate=(0,))
    dataset = jaxgrok.run(config, tmp_path, quiet=True)
    one, half = dataset.final_train_loss.squeeze().values
    np.testing.assert_allclose(half, one / 2, rtol=1e-5)


def test_a_loss_is_a_function(forgotten):
    with pytest.raises(ValueError, match="loss 'mine' must be a function of logits"):
        jaxgrok.losses.register("mine", 3)
    with pytest.raises(ValueError, match="loss='exact' is taken"):
        jaxgrok.losses.register("exact", cross_entropy)


def test_a_match_is_where_the_first_largest_logit_is_the_label():
    generator = np.random.default_rng(0)
    # Few values, so that many logits are equal.
    logits = jnp.asarray(generator.integers(4, size=(200, 2, 5)), jnp.float32)
    labels = jnp.asarray(generator.integers(5, size=(200, 2)))
    matches = is_argmax(logits, labels)
    assert 0 < matches.sum() < matches.size
    np.testing.assert_array_equal(matches, logits.argmax(-1) == labels)


@pytest.mark.parametrize(
    ("logits", "label", "is_match"),
    [
        ([np.nan, 1.0, 0.0], 0, False),
        ([np.nan, 5.0, 1.0], 1, False),
        ([5.0, np.nan, 1.0], 0, False),
        ([1.0, np.inf, 0.0], 1, True),
        ([-np.inf, -np.inf, -np.inf], 0, True),
        ([-np.inf, -np.inf, -np.inf], 1, False),
        ([1.0, 0.0, -1.0], 3, False),  # no class
        ([1.0, 0.0, -1.0], -1, False),
    ],
)
def test_a_match_beside_what_is_not_finite(logits, label, is_match):
    assert is_argmax(jnp.array(logits), jnp.array(label)) == is_match


def test_classes_beyond_the_labels_dtype_are_told_apart():
    logits = jnp.zeros(300).at[jnp.array([3, 259])].set(jnp.array([2.0, 1.0]))
    assert is_argmax(logits, jnp.uint8(3))
