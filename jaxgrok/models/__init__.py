"""The registry of models: name → builder of a linen module for a task.

A model maps params and tokens to `(logits, activations)`: [examples, pos] to [examples,
read, vocab]. A builder is called as `builder(task, **fields)`; its keyword arguments
are the grid fields it adds. What a task needs beyond tokens reaches the model by name:
see `model_inputs`; and `dropout`, a pair (rate, key), where lanes have any.

    >>> model = MODELS["transformer"](task, d_model=128)
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxgrok.models import mlp, transformer
from jaxgrok.tasks import Example, blank

MODELS: dict[str, Callable[..., nn.Module]] = {
    "transformer": transformer.build,
    "mlp": mlp.build,
}


def register(name: str, builder: Callable[..., nn.Module]) -> None:
    """Make a model builder known by name, for `config.model = name`."""
    MODELS[name] = builder


def suited(model: nn.Module, platform: str) -> nn.Module:
    """The same model in the form that trains fastest on a platform; it rounds apart."""
    if isinstance(model, transformer.Transformer):
        return model.clone(bags=platform == "cpu")
    return model


def model_inputs(task: Any, examples: Example) -> dict[str, Any]:
    """What a model of this task takes besides tokens.

    `read` [examples, read], where each example has read positions of its own;
    `unembedding` [examples, read], the one to use, where there are several.
    """
    found: dict[str, Any] = {}
    if examples.read is not None:
        found["read"] = examples.read
    if getattr(task, "unembeddings", 1) > 1:
        which = jnp.asarray(task.component(examples.tokens, examples.labels))
        found["unembedding"] = jnp.broadcast_to(which, examples.labels.shape)
    return found


def parameter_names(model: nn.Module, task: Any) -> list[str]:
    """Names of a model's parameters, sorted; nothing is computed."""
    one = blank(task)

    def init() -> Any:
        extras = model_inputs(task, one)
        return model.init(jax.random.key(0), one.tokens, **extras)["params"]

    return sorted(jax.eval_shape(init))
