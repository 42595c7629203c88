"""Examples of sampled tasks as NumPy arrays, and the component of each prediction."""

import jax
import numpy as np

from jaxgrok.tasks import draw

DRAW = jax.jit(draw, static_argnums=(0, 2))


def sample(task, count=200):
    """Draw examples of a fixed key."""
    return jax.tree.map(np.asarray, DRAW(task, jax.random.key(7), count))


def components(task, examples):
    """Name the component of every prediction: [examples, read]."""
    index = np.asarray(task.component(examples.tokens, examples.labels))
    names = np.array(task.components)
    return np.broadcast_to(names[index], examples.labels.shape)
