"""The networks, and the registry of models that a config can name.

A model is a frozen dataclass of its fields, with a method `build(task, dtype)` that
returns a linen module. The module maps params and tokens [examples, pos] to `(logits,
activations)`, logits being [examples, read, vocab]. What a task needs beyond tokens
reaches it by name (see `model_inputs`), as does `dropout`, a pair (rate, key), where
lanes have any.

    >>> MODELS["transformer"](d_model=128).build(task)
"""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxgrok.fields.registry import Registry
from jaxgrok.models import mlp, transformer
from jaxgrok.models.device_costs import CPU, costs_of
from jaxgrok.models.mlp import MLP
from jaxgrok.models.training_transformer import TrainingTransformer
from jaxgrok.models.transformer import Transformer
from jaxgrok.tasks import Example, Task, blank

__all__ = [
    "MODELS",
    "Model",
    "model_inputs",
    "parameter_names",
    "presets",
    "register",
    "textbook_form",
    "training_form",
]


class Model(Protocol):
    """The fields of a model, a frozen dataclass.

    It may have `presets`: for each scale, fields of a config that differ from their
    defaults.
    """

    def build(self, task: Task, dtype: str) -> nn.Module:
        """Return the network for a task, with parameters of a dtype."""


def _check(words: str, model: Any) -> None:
    """Refuse what is not a frozen dataclass with `build(task, dtype)`."""
    parameters = getattr(model, "__dataclass_params__", None)
    if not isinstance(model, type) or parameters is None or not parameters.frozen:
        raise ValueError(
            f"{words} must be a frozen dataclass of its fields, not {model!r:.60}"
        )
    build = getattr(model, "build", None)
    # Three: self, task and dtype.
    if not callable(build) or len(inspect.signature(build).parameters) != 3:
        raise ValueError(f"{words} must have a method build(self, task, dtype)")


MODELS: Registry[Any] = Registry(
    "model",
    {"transformer": transformer.TransformerBuilder, "mlp": mlp.MLPBuilder},
    _check,
)


def register(name: str, model: type[Model]) -> None:
    """Make a model known by name.

    Args:
        name: what `config.model` calls it.
        model: a frozen dataclass of its fields, with a method `build(task, dtype)`.

    Raises:
        ValueError: the name is taken, or the class is no such dataclass.
    """
    MODELS.register(name, model)


def presets(name: str, scale: str) -> Mapping[str, Any]:
    """Return the fields of a config that a model sets at a scale."""
    by_scale: Mapping[str, Mapping[str, Any]] = getattr(MODELS[name], "presets", {})
    return by_scale.get(scale, {})


def training_form(model: nn.Module, platform: str = "") -> nn.Module:
    """Return the variant of a model that trains fastest on a platform.

    Its rounding differs from the textbook form's, and between platforms. A model that
    has one form only is returned as it is.

    Args:
        model: a module of this registry, in either form.
        platform: "cpu", "gpu" or "tpu", as JAX names them.
    """
    costs = costs_of(platform)
    if isinstance(model, MLP):
        return model.clone(costs=costs)
    if not isinstance(model, Transformer):
        return model
    return TrainingTransformer(**_fields(model), costs=costs)


def textbook_form(model: nn.Module) -> nn.Module:
    """Return the variant of a model that names every activation at all positions."""
    if isinstance(model, MLP):
        return model.clone(costs=CPU)
    if not isinstance(model, Transformer):
        return model
    return Transformer(**_fields(model))


def _fields(model: Transformer) -> dict[str, Any]:
    """Return the fields that both forms of a transformer share."""
    # Linen adds parent and name, which tie a module to one place in a network.
    fields = dataclasses.fields(Transformer)
    return {
        f.name: getattr(model, f.name)
        for f in fields
        if f.name not in ("parent", "name")
    }


def model_inputs(task: Task, examples: Example) -> dict[str, Any]:
    """Return what a model of this task takes besides tokens.

    Returns:
        `read` [examples, read], where each example has read positions of its own;
        `unembedding` [examples, read], the one to use, where there are several.
    """
    inputs: dict[str, Any] = {}
    if examples.read is not None:
        inputs["read"] = examples.read
    if task.unembeddings > 1:
        which = jnp.asarray(task.component(examples.tokens, examples.labels))
        # A task may number its read positions once for all examples: [read].
        inputs["unembedding"] = jnp.broadcast_to(which, examples.labels.shape)
    return inputs


def parameter_names(model: nn.Module, task: Task) -> list[str]:
    """Return the names of a model's parameters, sorted; nothing is computed."""
    one = blank(task)

    def init() -> Mapping[str, jax.Array]:
        inputs = model_inputs(task, one)
        params: Mapping[str, jax.Array]
        params = model.init(jax.random.key(0), one.tokens, **inputs)["params"]
        return params

    return sorted(jax.eval_shape(init))
