"""Are the numbers right? Training, loss and measure on the device, against float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from accelerator_sections import gradients
from accelerator_sections.job import Job
from accelerator_sections.shapes import group_of
from jaxgrok.fourier.basis import basis
from jaxgrok.tasks.modular import Modular
from jaxgrok.training.losses import cross_entropy
from jaxgrok.training.measures import Evaluation, fourier

MOST_GRADIENT, MOST_LOSS = 5e-5, 2e-6
"""Relative errors; products in TF32 make 1e-3."""
MOST_ACCURACY = 1e-3
"""Difference: two logits may be as good as equal."""
MOST_EXACT, NORMAL = 2e-6, float(np.finfo(np.float32).tiny)
"""Relative error of the exact loss, down to the smallest normal number."""
MOST_EXCLUDED = 1e-4
MARGINS = (-1e30, -1e3, -30.0, -1.0, 0.0, 1.0, 20.0, 60.0, 85.0, 1e3, 1e30)
"""By how much the right logit leads."""


def run(job: Job) -> None:
    """Check one thing after the other."""
    training(job)
    exact_loss(job)
    excluded_losses(job)


def training(job: Job) -> None:
    """Loss, gradients and evaluation of the form that trains."""
    group, device = group_of(job.scale), jax.local_devices()[0]
    inputs = gradients.inputs_of(group)
    process = gradients.reference(inputs, job.scale, job.work)
    outputs = gradients.on_device(group.setup, device, inputs)
    right = gradients.read_reference(process, job.work)
    errors = gradients.errors(outputs, right)
    job.say(errors=errors._asdict(), losses=outputs.loss.tolist())
    for name, error, most in (
        ("training loss", errors.loss, MOST_LOSS),
        (f"gradients (worst: {errors.worst})", errors.gradient, MOST_GRADIENT),
        ("losses of an evaluation", errors.evaluation, MOST_LOSS),
        ("its accuracies", errors.accuracy, MOST_ACCURACY),
    ):
        job.check(name, error <= most, f"{error:.1e} from float64, at most {most:.0e}")
    if job.planted:
        outputs.gradients[min(outputs.gradients)] *= 1.001
        error = gradients.errors(outputs, right).gradient
        job.check("a spoilt gradient", error <= MOST_GRADIENT, f"{error:.1e}")


def exact_loss(job: Job) -> None:
    """The exact loss and its gradient, on logits that are hard for float32."""
    logits, labels = hard_logits()
    total = jax.value_and_grad(lambda x: cross_entropy(x, labels).sum())
    losses = jax.jit(functools.partial(cross_entropy, labels=labels))(logits)
    _, slopes = jax.jit(total)(logits)
    want_losses, want_slopes = right_losses(logits, labels)
    for name, values, want in (
        ("exact loss", losses, want_losses),
        ("its gradient", slopes, want_slopes),
    ):
        error = largest_error(np.asarray(values, np.float64), want)
        words = f"{error:.1e} from float64, at most {MOST_EXACT:.0e}"
        job.check(name, error <= MOST_EXACT, words)
    spoilt = np.array(logits)
    spoilt[0, 0] = np.nan
    is_nan = np.isnan(jax.jit(cross_entropy)(spoilt, labels))
    ok = is_nan[0] and not is_nan[1:].any()
    job.check("a NaN logit", ok, "spoils the loss of its own example alone")


def largest_error(values: np.ndarray, want: np.ndarray) -> float:
    """Return the largest relative error; a subnormal number may also read zero."""
    wrong = np.abs(values - want)
    wrong /= np.where(np.abs(want) < NORMAL, NORMAL, np.abs(want))
    is_flushed = (np.abs(want) < NORMAL) & (np.abs(values) <= NORMAL)
    return float(np.max(np.where(is_flushed, 0, wrong)))


def hard_logits() -> tuple[np.ndarray, np.ndarray]:
    """Return float32 logits [examples, 114] of every margin, and labels [examples]."""
    generator = np.random.default_rng(0)
    rows, labels = [], []
    for margin in MARGINS:
        for noise in (0.0, 1.0, 30.0):
            row = generator.normal(scale=noise, size=114) if noise else np.zeros(114)
            label = generator.integers(114)
            row[label] = np.max(np.delete(row, label)) + margin
            rows.append(row.astype(np.float32))
            labels.append(label)
    return np.array(rows), np.array(labels, np.int32)


def right_losses(
    logits: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return losses [examples] and gradients [examples, vocab] in float64.

    Nothing cancels: the loss is log(1 + the sum over wrong classes of exp(l - right)).
    """
    wide = np.float64(logits)
    right = np.take_along_axis(wide, labels[:, None], 1)
    is_right = np.arange(wide.shape[1]) == labels[:, None]
    over = np.where(is_right, -np.inf, wide - right)
    wrong = np.logaddexp.reduce(over, axis=1)
    losses = np.logaddexp(0, wrong)
    slopes = np.exp(wide - np.logaddexp.reduce(wide, axis=1, keepdims=True))
    slopes[is_right] = -np.exp(wrong - losses)
    return losses, slopes


def excluded_losses(job: Job) -> None:
    """The excluded losses of ordinary logits by definition; of huge ones, no NaN."""
    task = Modular(modulus=7 if job.quick else 13)
    logits, params = wide_logits(task)
    is_train = np.random.default_rng(1).random(task.pool_size) < 0.5

    def measure(logits: jax.Array) -> jax.Array:
        each = Evaluation(task, params, (), logits[:, None], (), is_train, ~is_train)
        return fourier(each)["excluded_loss"]

    values = np.asarray(jax.jit(jax.vmap(measure))(jnp.asarray(logits)))
    want = np.stack([excluded_by_definition(task, x, is_train) for x in logits[:3]])
    error = float(np.max(np.abs(values[:3] / want - 1)))
    words = f"{error:.1e} from their definition in float64, at most {MOST_EXCLUDED:.0e}"
    job.check("excluded losses", error <= MOST_EXCLUDED, words)
    n_nan = int(np.isnan(values).sum())
    job.check("of logits up to 1e30", n_nan == 0, f"{n_nan} of {values.size} are NaN")


def wide_logits(task: Modular) -> tuple[np.ndarray, dict[str, jax.Array]]:
    """Return float32 logits [sizes, pool, vocab], the first 3 moderate; parameters."""
    generator = np.random.default_rng(2)
    _, labels = task.pool()
    noise = generator.normal(size=(task.pool_size, task.vocab_out))
    lead = np.zeros_like(noise)
    lead[np.arange(task.pool_size), labels[:, 0]] = 1
    moderate = [noise, noise + 8 * lead, 0.1 * noise + 45 * lead]
    huge = [1e3 * (noise + lead), 1e6 * (noise - lead), 1e30 * (lead + 0 * noise)]
    shapes = {
        "embed.W_E": (task.vocab_in, 6),
        "blocks.0.mlp.W_out": (10, 6),
        "unembed.W_U": (6, task.vocab_out),
    }
    params = {
        name: jnp.asarray(generator.normal(size=shape), jnp.float32)
        for name, shape in shapes.items()
    }
    return np.stack([*moderate, *huge]).astype(np.float32), params


def excluded_by_definition(
    task: Modular, logits: np.ndarray, is_train: np.ndarray
) -> np.ndarray:
    """Return the train loss without each frequency of x + y, in float64 [n//2]."""
    tokens, labels = task.pool()
    n, wide = task.modulus, np.float64(logits)[:, : task.modulus]
    answer, rows = (tokens[:, 0] + tokens[:, 1]) % n, np.arange(len(wide))
    losses = []
    for k in range(1, n // 2 + 1):
        waves = basis(n)[2 * k - 1 : 2 * k + 1][:, answer]  # [2, pool]
        waves /= np.linalg.norm(waves, axis=1, keepdims=True)
        remainder = wide - waves.T @ (waves @ wide)
        over = remainder - remainder[rows, labels[:, 0]][:, None]
        over[rows, labels[:, 0]] = -np.inf
        each = np.logaddexp(0, np.logaddexp.reduce(over, axis=1))
        losses.append(each[is_train].mean())
    return np.array(losses)
