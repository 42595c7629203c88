"""The same training as eight kinds of user would write it, for `bench_peers.py`.

Every peer starts from the same weights and trains the same network on the same pairs
with the same optimiser; `PEERS[name](work)` builds one. A peer makes steps, evaluates
(loss and accuracy on the training and the test pairs) and returns its training losses.
Nothing here is imported before a peer asks for it: torch and JAX stay apart.
"""

import functools
import os
from collections.abc import Callable
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


def _group(scale: str) -> Any:
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

    from jaxgrok import trainer
    from jaxgrok.engine import lane_of

    group = _group(scale)
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


class Ours:
    """jaxgrok's engine, as a sweep runs it: a block a device."""

    def __init__(self, work: Work) -> None:
        import jax

        from jaxgrok.engine import Engine, lane_of

        group = _group(work.scale)
        blocks = jax.local_device_count()
        self._engine = Engine(group.setup, block_width=group.block_width, blocks=blocks)
        self.lanes = self._engine.lanes
        for i in range(self.lanes):
            lane = group.cells[i % len(group.cells)].lane
            self._engine.admit(str(i), lane_of(group.setup, **lane))
        self._column = self._engine.columns.index("train_loss")

    def steps(self, count: int) -> None:
        self._engine.offset = 0
        self._engine.advance(count)

    def evaluate(self) -> np.ndarray:
        self._engine.offset = self._engine.setup.eval_every  # due now
        (records,) = self._engine.advance(1)
        return np.array([record[self._column] for record in records.values()])


def _flax_model(work: Work) -> Any:
    """A plain linen transformer: every position, no shortcut."""
    import jax
    import jax.numpy as jnp
    from flax import linen as nn

    shape = {name: w.shape[1:] for name, w in work.weights.items()}
    d_head = shape["blocks.0.attn.W_Q"][-1]
    zeros = nn.initializers.zeros

    class Attention(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            W = {
                n: self.param(n, zeros, shape[f"blocks.0.attn.{n}"]) for n in ATTENTION
            }
            q, k, v = (jnp.einsum("epm,hmd->ehpd", x, W[f"W_{n}"]) for n in "QKV")
            scores = jnp.einsum("ehqd,ehkd->ehqk", q, k) / d_head**0.5
            mask = jnp.tril(jnp.ones(scores.shape[-2:], bool))
            pattern = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf))
            z = jnp.einsum("ehqk,ehkd->ehqd", pattern, v)
            return jnp.einsum("ehpd,hdm->epm", z, W["W_O"])

    class Mlp(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            W = {n: self.param(n, zeros, shape[f"blocks.0.mlp.{n}"]) for n in MLP}
            hidden = nn.relu(x @ W["W_in"] + W["b_in"])
            return hidden @ W["W_out"] + W["b_out"]

    class Transformer(nn.Module):
        @nn.compact
        def __call__(self, tokens: jax.Array) -> jax.Array:
            W_E = self.param("W_E", zeros, shape["embed.W_E"])
            W_pos = self.param("W_pos", zeros, shape["pos_embed.W_pos"])
            W_U = self.param("W_U", zeros, shape["unembed.W_U"])
            x = W_E[tokens] + W_pos
            x = x + Attention(name="attn")(x)
            x = x + Mlp(name="mlp")(x)
            return x @ W_U

    return Transformer()


def _flax_params(weights: Arrays) -> dict[str, Any]:
    """Weights as the plain linen transformer names them."""
    found: dict[str, Any] = {"attn": {}, "mlp": {}}
    for name, w in weights.items():
        *path, leaf = name.split(".")
        found.get(path[-1], found)[leaf] = w
    return found


class Flax:
    """Textbook Flax and optax: one run after another, or all under plain `vmap`."""

    def __init__(self, work: Work, lanes: int) -> None:
        import jax
        import jax.numpy as jnp
        import optax
        from flax.training.train_state import TrainState

        from jaxgrok.losses import cross_entropy

        jax.config.update("jax_default_matmul_precision", "highest")
        model = _flax_model(work)
        self.lanes = lanes
        rate = optax.linear_schedule(0.0, work.learning_rate, work.warmup)
        tx = optax.adamw(rate, *BETAS, eps=EPS, weight_decay=work.weight_decay)

        def losses(params: Any, rows: Any) -> tuple[jax.Array, jax.Array]:
            tokens, labels = rows
            logits = model.apply({"params": params}, tokens)[:, -1]
            right = jnp.argmax(logits, -1) == labels
            return cross_entropy(logits, labels).mean(), right.mean()

        def step(state: TrainState, rows: Any) -> TrainState:
            grads = jax.grad(lambda p: losses(p, rows)[0])(state.params)
            return state.apply_gradients(grads=grads)

        def evaluate(state: TrainState, train: Any, test: Any) -> jax.Array:
            pair = losses(state.params, train), losses(state.params, test)
            return jnp.stack([*pair[0], *pair[1]])

        def create(weights: Any) -> TrainState:
            return TrainState.create(
                apply_fn=model.apply, params=_flax_params(weights), tx=tx
            )

        def rows_of(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return work.tokens[index], work.labels[index]

        if lanes == 1:
            one = {name: w[0] for name, w in work.weights.items()}
            self._train, self._test = rows_of(work.train[0]), rows_of(work.test[0])
        else:
            one = {name: w[:lanes] for name, w in work.weights.items()}
            train, test = work.train[:lanes], work.test[:lanes]
            self._train, self._test = rows_of(train), rows_of(test)
            step, evaluate, create = (jax.vmap(f) for f in (step, evaluate, create))
        self._train, self._test = jax.device_put((self._train, self._test))
        self._state = jax.jit(create)(one)
        self._evaluate = jax.jit(evaluate)
        self._step = jax.jit(step, donate_argnums=0)

    def steps(self, count: int) -> None:
        import jax

        for _ in range(count):
            self._state = self._step(self._state, self._train)
        jax.block_until_ready(self._state)

    def evaluate(self) -> np.ndarray:
        found = self._evaluate(self._state, self._train, self._test)
        return np.atleast_2d(np.asarray(found))[:, 0]


@functools.cache
def _torch_class() -> Any:
    """The post's network as a plain nn.Module."""
    import torch
    from torch import nn

    def parameter(array: np.ndarray) -> nn.Parameter:
        return nn.Parameter(torch.tensor(array))

    class Attention(nn.Module):
        def __init__(self, w: Arrays) -> None:
            super().__init__()
            for name in ATTENTION:
                self.register_parameter(name, parameter(w[f"blocks.0.attn.{name}"]))
            pos = len(w["pos_embed.W_pos"])
            future = torch.ones(pos, pos, dtype=torch.bool).triu(diagonal=1)
            self.register_buffer("future", future, persistent=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q = torch.einsum("epm,hmd->ehpd", x, self.W_Q)
            k = torch.einsum("epm,hmd->ehpd", x, self.W_K)
            v = torch.einsum("epm,hmd->ehpd", x, self.W_V)
            scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
            pattern = torch.softmax(scores.masked_fill(self.future, -torch.inf), -1)
            return torch.einsum("ehpd,hdm->epm", pattern @ v, self.W_O)

    class Mlp(nn.Module):
        def __init__(self, w: Arrays) -> None:
            super().__init__()
            for name in MLP:
                self.register_parameter(name, parameter(w[f"blocks.0.mlp.{name}"]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden = torch.relu(x @ self.W_in + self.b_in)
            return hidden @ self.W_out + self.b_out

    class Transformer(nn.Module):
        def __init__(self, w: Arrays) -> None:
            super().__init__()
            self.W_E = parameter(w["embed.W_E"])
            self.W_pos = parameter(w["pos_embed.W_pos"])
            self.attn, self.mlp = Attention(w), Mlp(w)
            self.W_U = parameter(w["unembed.W_U"])

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            x = self.W_E[tokens] + self.W_pos
            x = x + self.attn(x)
            x = x + self.mlp(x)
            return x @ self.W_U

    return Transformer


def _torch_model(work: Work, lane: int) -> Any:
    weights = {name: w[lane] for name, w in work.weights.items()}
    return _torch_class()(weights).to(_torch_device())


def _torch_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _torch_rows(work: Work, index: np.ndarray) -> tuple[Any, Any]:
    import torch

    tokens = torch.tensor(work.tokens[index]).long().to(_torch_device())
    return tokens, torch.tensor(work.labels[index]).long().to(_torch_device())


def _torch_loss(logits: Any, labels: Any) -> Any:
    """Mean cross entropy at the last position, in float64, as the post has it."""
    import torch

    log_p = torch.log_softmax(logits[:, -1].to(torch.float64), -1)
    return -log_p.gather(-1, labels[:, None]).mean()


def _torch_optimiser(params: Any, work: Work) -> tuple[Any, Any]:
    import torch

    optimiser = torch.optim.AdamW(
        params,
        lr=work.learning_rate,
        betas=BETAS,
        eps=EPS,
        weight_decay=work.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(step / work.warmup, 1)
    )
    return optimiser, schedule


class Torch:
    """The post's loop in PyTorch.

    every_epoch: also the test loss of every epoch, as the post's loop has it (its
    graph is built, and nothing is done with it). compiled: under torch.compile.
    """

    lanes = 1

    def __init__(
        self, work: Work, *, every_epoch: bool = False, compiled: bool = False
    ) -> None:
        import torch

        self._model = _torch_model(work, 0)
        self._train = _torch_rows(work, work.train[0])
        self._test = _torch_rows(work, work.test[0])
        self._every_epoch = every_epoch
        self._optimiser, self._schedule = _torch_optimiser(
            self._model.parameters(), work
        )

        def loss(tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return _torch_loss(self._model(tokens), labels)

        self._loss = torch.compile(loss, dynamic=False) if compiled else loss

    def steps(self, count: int) -> None:
        for _ in range(count):
            loss = self._loss(*self._train)
            if self._every_epoch:
                self._loss(*self._test).item()
            loss.item()
            loss.backward()
            self._optimiser.step()
            self._schedule.step()
            self._optimiser.zero_grad()
        _synchronise()

    def evaluate(self) -> np.ndarray:
        import torch

        found = []
        with torch.no_grad():
            for tokens, labels in (self._train, self._test):
                logits = self._model(tokens)
                right = logits[:, -1].argmax(-1) == labels
                found.append((_torch_loss(logits, labels).item(), right.sum().item()))
        return np.array([found[0][0]])


class Ensemble:
    """Stacked networks under torch.func's vmap."""

    def __init__(self, work: Work, lanes: int, *, compiled: bool = False) -> None:
        import copy

        import torch
        from torch.func import functional_call, stack_module_state

        self.lanes = lanes
        models = [_torch_model(work, i) for i in range(lanes)]
        params, buffers = stack_module_state(models)
        self._params = params
        base = copy.deepcopy(models[0]).to("meta")
        self._train = _torch_rows(work, work.train[:lanes])
        self._test = _torch_rows(work, work.test[:lanes])
        self._optimiser, self._schedule = _torch_optimiser(params.values(), work)

        def loss(params: Any, buffers: Any, tokens: Any, labels: Any) -> Any:
            logits = functional_call(base, (params, buffers), (tokens,))
            return _torch_loss(logits, labels)

        every = torch.vmap(loss)

        def losses(params: Any, tokens: Any, labels: Any) -> Any:
            return every(params, buffers, tokens, labels)

        self._losses = torch.compile(losses, dynamic=False) if compiled else losses

    def steps(self, count: int) -> None:
        for _ in range(count):
            self._losses(self._params, *self._train).sum().backward()
            self._optimiser.step()
            self._schedule.step()
            self._optimiser.zero_grad()
        _synchronise()

    def evaluate(self) -> np.ndarray:
        import torch

        with torch.no_grad():
            train = self._losses(self._params, *self._train)
            self._losses(self._params, *self._test)
        return train.cpu().numpy()


def _synchronise() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _one_thread(work: Work) -> Torch:
    import torch

    torch.set_num_threads(1)
    return Torch(work)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


PEERS: dict[str, Callable[..., Peer]] = {
    "1 the post's loop": functools.partial(Torch, every_epoch=True),
    "2 without its test loss": Torch,
    "3 torch.compile": functools.partial(Torch, compiled=True),
    "4 a process a core": _one_thread,
    "5 torch.func ensemble": Ensemble,
    "5 the same, compiled": functools.partial(Ensemble, compiled=True),
    "6 Flax, one by one": functools.partial(Flax, lanes=1),
    "7 Flax under vmap": Flax,
    "8 jaxgrok": Ours,
}
