"""The registry of models: name → builder of a linen module for a task.

A model maps params and tokens to `(logits, activations)`. A builder is called as
`builder(task, **fields)`; its keyword arguments are the grid fields it adds.

    >>> model = MODELS["transformer"](task, d_model=128)
"""

from collections.abc import Callable

from flax import linen as nn

from jaxgrok.models import transformer

MODELS: dict[str, Callable[..., nn.Module]] = {"transformer": transformer.build}


def register(name: str, builder: Callable[..., nn.Module]) -> None:
    """Make a model builder known by name, for `config.model = name`."""
    MODELS[name] = builder
