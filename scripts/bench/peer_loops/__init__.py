"""The same training as eight kinds of user would write it, for `peers.py`.

Every peer starts from the same weights and trains the same network on the same pairs
with the same optimiser; `build(name, work)` builds one. A peer makes steps, evaluates
(loss and accuracy on the training and the test pairs) and returns its training losses.
A peer's module is imported in its own process: torch and JAX stay apart.
"""

import importlib
import os
from typing import Any, NamedTuple, Protocol

import numpy as np

BETAS, EPS = (0.9, 0.98), 1e-8
ATTENTION = ("W_Q", "W_K", "W_V", "W_O")
MLP = ("W_in", "b_in", "W_out", "b_out")
Arrays = dict[str, np.ndarray]


class Work(NamedTuple):
    """What is to be trained; arrays by lane.

    weights: initial parameters by their TransformerLens names, [lanes, ...].
    train, test: rows of the pool, [lanes, examples].
    tokens, labels: the pool, [pairs, pos] and [pairs].
    """

    scale: str
    weights: Arrays
    train: np.ndarray
    test: np.ndarray
    tokens: np.ndarray
    labels: np.ndarray
    learning_rate: float
    weight_decay: float
    warmup: int


class Peer(Protocol):
    """One way to train; `lanes` trainings side by side."""

    lanes: int

    def steps(self, count: int) -> None:
        """Make so many steps of every lane."""
        ...

    def evaluate(self) -> np.ndarray:
        """Evaluate every lane; training losses [lanes]."""
        ...


def group_of(scale: str) -> Any:
    from jaxgrok import grid

    config = grid.base(scale)
    config.train_fraction = (0.3,)
    config.seed = tuple(range(1024))
    config.weight_decay = (1.0,)
    config.eval_every = 10**6  # evaluations are asked for here
    config.steps = (10**6,)
    return grid.resolve(config).groups[0]


def prepare(scale: str, lanes: int) -> Work:
    """The work, from jaxgrok's own initialisation and splits of seeds 0, 1, …"""
    import jax

    from jaxgrok.training import trainer
    from jaxgrok.training.setup import lane_of

    group = group_of(scale)
    setup = group.setup
    cells = [lane_of(setup, **cell.lane) for cell in group.cells[:lanes]]
    init = jax.jit(trainer.init, static_argnums=0)
    states = [jax.device_get(init(setup, lane)) for lane in cells]
    n_train, lane = int(cells[0].n_train), cells[0]
    tokens, labels = setup.task.pool()
    names = states[0].params
    return Work(
        scale=scale,
        weights={n: np.stack([state.params[n] for state in states]) for n in names},
        train=np.stack([state.order[:n_train] for state in states]),
        test=np.stack([state.order[n_train:] for state in states]),
        tokens=np.asarray(tokens, np.int32),
        labels=np.asarray(labels, np.int32)[:, 0],
        learning_rate=float(lane.learning_rate),
        weight_decay=float(lane.weight_decay),
        warmup=setup.warmup_steps,
    )


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


PEERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "1 the post's loop": ("peer_loops.torch", "Torch", {"every_epoch": True}),
    "2 without its test loss": ("peer_loops.torch", "Torch", {}),
    "3 torch.compile": ("peer_loops.torch", "Torch", {"compiled": True}),
    "4 a process a core": ("peer_loops.torch", "Torch", {"threads": 1}),
    "5 torch.func ensemble": ("peer_loops.torch", "Ensemble", {}),
    "5 the same, compiled": ("peer_loops.torch", "Ensemble", {"compiled": True}),
    "6 Flax, one by one": ("peer_loops.flax", "Flax", {"lanes": 1}),
    "7 Flax under vmap": ("peer_loops.flax", "Flax", {}),
    "8 jaxgrok": ("peer_loops.ours", "Ours", {}),
}
"""Module, class and arguments of each."""


def build(name: str, work: Work, **more: Any) -> Peer:
    """Build a peer, with more arguments: `lanes` of an ensemble."""
    module, kind, arguments = PEERS[name]
    return getattr(importlib.import_module(module), kind)(work, **arguments, **more)
