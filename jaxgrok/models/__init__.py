"""The registry of models: name → builder of a linen module for a task.

A model maps params and tokens [examples, pos] to logits [examples, read, vocab] and
named activations. A builder is called as `builder(task, **fields)`; its keyword
arguments are the grid fields it adds. What a task needs beyond tokens reaches the model
by name (see `model_inputs`), and so does `dropout`, a pair (rate, key), in training.

    >>> model = MODELS["transformer"](task, d_model=128)
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxgrok.models import mlp, transformer
from jaxgrok.models.training_transformer import TrainingTransformer
from jaxgrok.models.transformer import Transformer
from jaxgrok.tasks import Example, blank

MODELS: dict[str, Callable[..., nn.Module]] = {
    "transformer": transformer.build,
    "mlp": mlp.build,
}


def register(name: str, builder: Callable[..., nn.Module]) -> None:
    """Make a model builder known by name, for `config.model = name`."""
    MODELS[name] = builder


def training_form(model: nn.Module, platform: str = "") -> nn.Module:
    """Return the variant of a model that trains fastest on a platform.

    Its rounding differs from the textbook form's, and between platforms. A model that
    has one form only is returned as it is.

    Args:
        model: a module of this registry, in either form.
        platform: "cpu", "gpu" or "tpu", as JAX names them.
    """
    if not isinstance(model, Transformer):
        return model
    return TrainingTransformer(**_fields(model), bags=platform == "cpu")


def textbook_form(model: nn.Module) -> nn.Module:
    """Return the variant of a model that names every activation at all positions."""
    if not isinstance(model, Transformer):
        return model
    return Transformer(**_fields(model))


def _fields(model: Transformer) -> dict[str, Any]:
    """The arguments of a transformer that both forms share."""
    fields = dataclasses.fields(Transformer)
    return {
        f.name: getattr(model, f.name)
        for f in fields
        if f.name not in ("parent", "name")
    }


def model_inputs(task: Any, examples: Example) -> dict[str, Any]:
    """Return what a model of this task takes besides tokens.

    Returns:
        `read` [examples, read], where each example has read positions of its own;
        `unembedding` [examples, read], the one to use, where there are several.
    """
    inputs: dict[str, Any] = {}
    if examples.read is not None:
        inputs["read"] = examples.read
    if getattr(task, "unembeddings", 1) > 1:
        index = jnp.asarray(task.component(examples.tokens, examples.labels))
        inputs["unembedding"] = jnp.broadcast_to(index, examples.labels.shape)
    return inputs


def parameter_names(model: nn.Module, task: Any) -> list[str]:
    """Return the sorted names of a model's parameters; nothing is computed."""
    example = blank(task)

    def init() -> Any:
        extras = model_inputs(task, example)
        return model.init(jax.random.key(0), example.tokens, **extras)["params"]

    return sorted(jax.eval_shape(init))
