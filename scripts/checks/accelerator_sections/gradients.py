"""Loss, gradients and evaluation of a training on a device, and in float64 on the host.

The device runs what a sweep runs: one step of `trainer.train`, two lanes under `vmap`,
whose gradients stand in AdamW's first moment. The reference is the textbook transformer
in float64, in a process of its own that computes on the CPU.

    >>> inputs = inputs_of(group)
    >>> errors(on_device(setup, device, inputs), reference(inputs, folder))
"""

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import textbook
from jaxgrok import grid
from jaxgrok.engine.device import suited
from jaxgrok.training import trainer
from jaxgrok.training.lane import Lane
from jaxgrok.training.records import schema
from jaxgrok.training.setup import Setup, lane_of

SIZES = (1.0, 2.5)
"""Factors on the weights of the two lanes: as they begin, and with large logits."""
LOSSES, ACCURACIES = ("train_loss", "test_loss"), ("train_accuracy", "test_accuracy")
Params = dict[str, np.ndarray]


class Inputs(NamedTuple):
    """Two lanes: their scalars, parameters [2, ...] and training rows [2, examples]."""

    lanes: Lane
    params: Params
    rows: np.ndarray


class Outputs(NamedTuple):
    """Of two lanes: losses [2], gradients [2, ...] and the curves of an evaluation."""

    loss: np.ndarray
    gradients: Params
    curves: np.ndarray
    """[2, 4]: LOSSES and ACCURACIES."""


class Errors(NamedTuple):
    """Largest relative errors over both lanes.

    Attributes:
        loss: of the training loss.
        gradient: of any parameter's gradient, in its norm.
        worst: the name of that parameter.
        evaluation: of the losses of an evaluation.
        accuracy: of its accuracies, the largest difference.
    """

    loss: float
    gradient: float
    worst: str
    evaluation: float
    accuracy: float


def inputs_of(group: grid.Group) -> Inputs:
    """Draw parameters on the host, biases too; take the splits of seeds 0 and 1."""
    setup = group.setup
    cells = group.cells[: len(SIZES)]
    lanes = [lane_of(setup, **cell.lane) for cell in cells]
    stacked: Lane = jax.tree.map(lambda *x: np.stack(x), *lanes)
    shapes = jax.eval_shape(functools.partial(trainer.init, setup), lanes[0]).params
    generator = np.random.default_rng(0)
    params = {}
    for name, like in sorted(shapes.items()):
        normal = generator.normal(size=(len(SIZES), *like.shape))
        scale = np.reshape(SIZES, (-1,) + (1,) * len(like.shape))
        values = scale * normal * setup.model.d_model**-0.5
        params[name] = values.astype(np.float32)
    order = jax.vmap(lambda lane, params: trainer.init(setup, lane, params).order)
    rows = np.asarray(jax.jit(order)(stacked, params))[:, : int(lanes[0].n_train)]
    return Inputs(stacked, params, rows)


def on_device(setup: Setup, device: jax.Device, inputs: Inputs) -> Outputs:
    """Make one step and one evaluation on a device."""
    setup = suited(setup, device)

    def both(lane: Lane, params: trainer.Params) -> tuple[jax.Array, ...]:
        state = trainer.init(setup, lane, params)
        after = trainer.train(setup, lane, state, 1)
        _, record = trainer.evaluate(setup, lane, state)
        # AdamW's first moment after the first step is (1 - beta1) × the gradient.
        moment = optax.tree_utils.tree_get(after.opt_state, "mu")
        return after.max_train_loss, moment, record

    lanes, params = jax.device_put((inputs.lanes, inputs.params), device)
    results = jax.jit(jax.vmap(both))(lanes, params)
    loss, moment, record = jax.device_get(results)
    share = 1 - np.float64(inputs.lanes.beta1[0])
    columns = schema(setup, sorted(inputs.params)).columns
    curves = np.stack([record[:, columns(name)] for name in LOSSES + ACCURACIES], 1)
    gradients = {name: np.float64(value) / share for name, value in moment.items()}
    return Outputs(loss, gradients, curves.reshape(len(SIZES), -1))


def reference(inputs: Inputs, scale: str, folder: Path) -> subprocess.Popen[str]:
    """Start the reference's process; `read_reference` waits for it."""
    arrays = {f"params {name}": value for name, value in inputs.params.items()}
    np.savez(folder / "inputs.npz", rows=inputs.rows, **arrays)
    own = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1", "JAX_NUM_CPU_DEVICES": "1"}
    own["XLA_FLAGS"] = ""
    words = [sys.executable, "-m", "accelerator_sections.gradients", scale, str(folder)]
    return subprocess.Popen(
        words, env=os.environ | own, stderr=subprocess.PIPE, text=True
    )


def read_reference(process: subprocess.Popen[str], folder: Path) -> Outputs:
    """Wait for the reference and read it; RuntimeError if its process failed."""
    _, words = process.communicate()
    if process.returncode:
        last = words.strip().splitlines()[-1:]
        raise RuntimeError(f"the float64 reference failed: {''.join(last)}")
    with np.load(folder / "reference.npz") as arrays:
        names = [name for name in arrays if name.startswith("params ")]
        gradients = {name.removeprefix("params "): arrays[name] for name in names}
        return Outputs(arrays["loss"], gradients, arrays["curves"])


def errors(outputs: Outputs, right: Outputs) -> Errors:
    """Compare what a device computed with the reference."""
    by_name = {}
    for name, value in right.gradients.items():
        axes = tuple(range(1, value.ndim))
        wrong = np.sqrt(((outputs.gradients[name] - value) ** 2).sum(axes))
        by_name[name] = float((wrong / np.sqrt((value**2).sum(axes))).max())
    # NaN is the worst of errors, and no maximum of Python's.
    worst = max(by_name, key=lambda name: np.nan_to_num(by_name[name], nan=np.inf))
    losses, right_losses = outputs.curves[:, :2], right.curves[:, :2]
    return Errors(
        float(np.max(np.abs(outputs.loss / right.loss - 1))),
        by_name[worst],
        worst,
        float(np.max(np.abs(losses / right_losses - 1))),
        float(np.max(np.abs(outputs.curves[:, 2:] - right.curves[:, 2:]))),
    )


def in_float64(setup: Setup, params: Params, rows: np.ndarray) -> Outputs:
    """Compute loss, gradients and curves of one lane by the textbook, under x64."""
    tokens, labels = (jnp.asarray(x) for x in setup.task.pool())
    wide = {name: jnp.asarray(value, jnp.float64) for name, value in params.items()}
    read = setup.task.read[0]

    def losses(params: trainer.Params) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        logits = textbook.logits(params, tokens, model=setup.model)[:, read]
        right = jnp.take_along_axis(logits, labels, -1)[:, 0]
        loss = jax.nn.logsumexp(logits, axis=-1) - right
        return loss[rows].mean(), (loss, jnp.argmax(logits, -1) == labels[:, 0])

    ask = jax.jit(jax.value_and_grad(losses, has_aux=True))
    (loss, (each, matches)), gradients = jax.device_get(ask(wide))
    is_train = np.isin(np.arange(len(each)), rows)
    curves = [v[m].mean() for v in (each, matches) for m in (is_train, ~is_train)]
    return Outputs(loss, gradients, np.array(curves))


def _main(scale: str, folder: Path) -> None:
    """Compute the reference of the inputs in a folder, and leave it there."""
    from accelerator_sections.shapes import group_of

    setup = group_of(scale).setup
    with np.load(folder / "inputs.npz") as arrays:
        rows = arrays["rows"]
        names = [name for name in arrays if name.startswith("params ")]
        params = {name.removeprefix("params "): arrays[name] for name in names}
    lanes = [
        in_float64(setup, {name: value[i] for name, value in params.items()}, rows[i])
        for i in range(len(rows))
    ]
    gradients = {
        f"params {name}": np.stack([lane.gradients[name] for lane in lanes])
        for name in params
    }
    loss = np.stack([lane.loss for lane in lanes])
    curves = np.stack([lane.curves for lane in lanes])
    np.savez(folder / "reference.npz", loss=loss, curves=curves, **gradients)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
