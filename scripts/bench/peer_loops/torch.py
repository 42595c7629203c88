"""PyTorch, for `peers.py`: the post's loop, and an ensemble under torch.func."""

import copy
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, stack_module_state

from peer_loops import ATTENTION, BETAS, EPS, MLP, Arrays, Work


def _parameter(array: np.ndarray) -> nn.Parameter:
    return nn.Parameter(torch.tensor(array))


class Attention(nn.Module):
    def __init__(self, w: Arrays) -> None:
        super().__init__()
        for name in ATTENTION:
            self.register_parameter(name, _parameter(w[f"blocks.0.attn.{name}"]))
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
            self.register_parameter(name, _parameter(w[f"blocks.0.mlp.{name}"]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(x @ self.W_in + self.b_in)
        return hidden @ self.W_out + self.b_out


class Transformer(nn.Module):
    def __init__(self, w: Arrays) -> None:
        super().__init__()
        self.W_E = _parameter(w["embed.W_E"])
        self.W_pos = _parameter(w["pos_embed.W_pos"])
        self.attn, self.mlp = Attention(w), Mlp(w)
        self.W_U = _parameter(w["unembed.W_U"])

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.W_E[tokens] + self.W_pos
        x = x + self.attn(x)
        x = x + self.mlp(x)
        return x @ self.W_U


def _model(work: Work, lane: int) -> Any:
    weights = {name: w[lane] for name, w in work.weights.items()}
    return Transformer(weights).to(_device())


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _rows(work: Work, index: np.ndarray) -> tuple[Any, Any]:
    tokens = torch.tensor(work.tokens[index]).long().to(_device())
    return tokens, torch.tensor(work.labels[index]).long().to(_device())


def _loss(logits: Any, labels: Any) -> Any:
    """Mean cross entropy at the last position, in float64, as the post has it."""
    log_p = torch.log_softmax(logits[:, -1].to(torch.float64), -1)
    return -log_p.gather(-1, labels[:, None]).mean()


def _optimiser(params: Any, work: Work) -> tuple[Any, Any]:
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
    threads: of this process; torch's own number by default.
    """

    lanes = 1

    def __init__(
        self,
        work: Work,
        *,
        every_epoch: bool = False,
        compiled: bool = False,
        threads: int | None = None,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        self._model = _model(work, 0)
        self._train = _rows(work, work.train[0])
        self._test = _rows(work, work.test[0])
        self._every_epoch = every_epoch
        self._optimiser, self._schedule = _optimiser(self._model.parameters(), work)

        def loss(tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return _loss(self._model(tokens), labels)

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
        metrics = []
        with torch.no_grad():
            for tokens, labels in (self._train, self._test):
                logits = self._model(tokens)
                right = logits[:, -1].argmax(-1) == labels
                metrics.append((_loss(logits, labels).item(), right.sum().item()))
        return np.array([metrics[0][0]])


class Ensemble:
    """Stacked networks under torch.func's vmap."""

    def __init__(self, work: Work, lanes: int, *, compiled: bool = False) -> None:
        self.lanes = lanes
        models = [_model(work, i) for i in range(lanes)]
        params, buffers = stack_module_state(models)
        self._params = params
        base = copy.deepcopy(models[0]).to("meta")
        self._train = _rows(work, work.train[:lanes])
        self._test = _rows(work, work.test[:lanes])
        self._optimiser, self._schedule = _optimiser(params.values(), work)

        def loss(params: Any, buffers: Any, tokens: Any, labels: Any) -> Any:
            logits = functional_call(base, (params, buffers), (tokens,))
            return _loss(logits, labels)

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
        with torch.no_grad():
            train = self._losses(self._params, *self._train)
            self._losses(self._params, *self._test)
        return train.cpu().numpy()


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
