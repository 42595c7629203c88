"""Is a training here, step by step, the post's training in plain PyTorch?

Trains x + y mod p, one layer at the post's sizes, twice: with the post's loop written
out below in PyTorch (all positions, AdamW, LambdaLR, the loss in float64), and with
`jaxgrok.training.trainer`. Both start from the same weights and split; the training
losses before each update are compared.

    pip install '.[torch]'
    python scripts/checks/torch_parity.py --out docs/torch_parity.png

Passes if they agree within 1e-2 relative for the first 100 steps in float32, where
rounding alone drives two forms of one model apart, and within 1e-9 for all steps in
float64. Exit code 0 if so, 1 if not, 2 if torch is missing. 6 to 9 minutes on two
busy cores, most of it PyTorch's; OMP_NUM_THREADS=1 helps where other programs run.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from jaxgrok import grid
from jaxgrok.engine.device import suited
from jaxgrok.tasks import is_pool
from jaxgrok.training import trainer
from jaxgrok.training.lane import Lane
from jaxgrok.training.setup import Setup, lane_of

try:
    import torch
except ImportError:
    torch = None  # main says so, after --help

LIMITS = {"float32": (1e-2, 100), "float64": (1e-9, None)}
"""Largest relative difference allowed, and over how many first steps (None: all)."""
SHOWN = (0, 1, 2, 5, 10, 20, 50, 100, 200, 299)


def main() -> int:
    """Run both precisions, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--modulus", type=int, default=113)
    parser.add_argument("--out", type=Path, help="draw the differences to this PNG")
    options = parser.parse_args()
    for name, least in (("steps", 1), ("modulus", 2)):
        if getattr(options, name) < least:
            parser.error(f"--{name} {getattr(options, name)} must be at least {least}")
    if options.out and not options.out.parent.is_dir():
        parser.error(f"--out {options.out}: there is no folder {options.out.parent}")
    if torch is None:
        print("error: torch is not installed: pip install '.[torch]'", file=sys.stderr)
        return 2
    curves = {}
    for dtype in LIMITS:
        with jax.enable_x64(dtype == "float64"):
            curves[dtype] = compare(options.modulus, options.steps, dtype)
    print(table(curves))
    if options.out:
        draw(curves, f"x+y mod {options.modulus}").savefig(options.out, dpi=150)
    return 0 if all(passes(dtype, curve) for dtype, curve in curves.items()) else 1


def compare(modulus: int, steps: int, dtype: str) -> np.ndarray:
    """Relative difference of the two training losses before each update: [steps]."""
    config = grid.base("post")
    config.modulus, config.dtype = modulus, dtype
    group = grid.resolve(config).groups[0]
    setup = suited(group.setup, jax.local_devices()[0])
    lane = lane_of(setup, **group.cells[0].lane)
    state = jax.jit(functools.partial(trainer.init, setup))(lane)
    weights = {name: np.array(w) for name, w in state.params.items()}
    assert is_pool(setup.task)
    tokens, labels = setup.task.pool()
    rows = np.asarray(state.order)[: lane.n_train]
    start = time.perf_counter()
    ours = train_ours(setup, lane, state, steps)
    half = time.perf_counter()
    theirs = train_torch(weights, tokens[rows], labels[rows, 0], steps)
    end = time.perf_counter()
    print(
        f"{dtype}: {lane.n_train} pairs, {steps} steps; "
        f"jaxgrok {half - start:.0f} s, torch {end - half:.0f} s; "
        f"torch's loss {theirs[0]:.4f} -> {theirs[-1]:.4g}",
        flush=True,
    )
    return np.abs(ours - theirs) / theirs


def train_ours(
    setup: Setup, lane: Lane, state: trainer.LaneState, steps: int
) -> np.ndarray:
    """Train one step at a time; the loss before each update: [steps]."""

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: trainer.LaneState) -> tuple[trainer.LaneState, jax.Array]:
        state = state._replace(max_train_loss=jnp.array(-jnp.inf, setup.dtype))
        state = trainer.train(setup, lane, state, n_steps=1)
        return state, jnp.copy(state.max_train_loss)

    losses = []
    for _ in range(steps):
        state, loss = step(state)
        losses.append(loss)
    return np.array(jax.device_get(losses), np.float64)


def train_torch(
    weights: dict[str, np.ndarray], tokens: np.ndarray, labels: np.ndarray, steps: int
) -> np.ndarray:
    """The post's loop; the loss before each update: [steps].

    weights by their TransformerLens names; tokens [examples, pos]; labels [examples].
    """
    params = {name: torch.tensor(w, requires_grad=True) for name, w in weights.items()}
    inputs, targets = torch.from_numpy(tokens).long(), torch.from_numpy(labels).long()
    optimizer = torch.optim.AdamW(
        params.values(), lr=1e-3, betas=(0.9, 0.98), eps=1e-8, weight_decay=1.0
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(s / 10, 1))
    losses = []
    for _ in range(steps):
        log_p = torch.log_softmax(transformer(params, inputs).to(torch.float64), dim=-1)
        loss = -log_p.gather(-1, targets[:, None]).mean()
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    return np.array(losses)


def transformer(params: dict[str, torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
    """Logits at the last position, [examples, vocab], of the one-layer transformer."""
    attn = {n: params[f"blocks.0.attn.W_{n}"] for n in "QKVO"}
    mlp = {n: params[f"blocks.0.mlp.{n}"] for n in ("W_in", "b_in", "W_out", "b_out")}
    x = params["embed.W_E"][tokens] + params["pos_embed.W_pos"]
    q, k, v = (torch.einsum("epm,hmd->ehpd", x, attn[name]) for name in "QKV")
    scores = q @ k.mT / q.shape[-1] ** 0.5
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(diagonal=1)
    pattern = torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1)
    x = x + torch.einsum("ehpd,hdm->epm", pattern @ v, attn["O"])
    hidden = torch.relu(x @ mlp["W_in"] + mlp["b_in"])
    x = x + hidden @ mlp["W_out"] + mlp["b_out"]
    return (x @ params["unembed.W_U"])[:, -1]


def passes(dtype: str, curve: np.ndarray) -> bool:
    """Whether a curve stays within the limit of its precision; NaN does not."""
    limit, first = LIMITS[dtype]
    return bool(np.max(curve[:first]) <= limit)


def table(curves: dict[str, np.ndarray]) -> str:
    """The relative differences at a few steps, the largest ones and the verdicts."""
    n_steps = len(curves["float64"])
    rows = {str(s): [c[s] for c in curves.values()] for s in SHOWN if s < n_steps}
    rows["first 100"] = [c[:100].max() for c in curves.values()]
    rows["all"] = [c.max() for c in curves.values()]
    lines = ["relative difference of the training loss"]
    lines += [f"{'step':>10}" + "".join(f"{dtype:>12}" for dtype in curves)]
    for name, values in rows.items():
        lines.append(f"{name:>10}" + "".join(f"{value:12.1e}" for value in values))
    for dtype, curve in curves.items():
        limit, first = LIMITS[dtype]
        verdict = "PASS" if passes(dtype, curve) else "FAIL"
        span = f"the first {first}" if first else "all"
        lines.append(f"{verdict} {dtype}: within {limit:.0e} for {span} steps")
    return "\n".join(lines)


def draw(curves: dict[str, np.ndarray], title: str) -> Figure:
    """The curves of the difference and their limits; a gap where it is exactly 0."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for (dtype, curve), color in zip(
        curves.items(), ("#d55e00", "#0072b2"), strict=True
    ):
        limit, first = LIMITS[dtype]
        axes.semilogy(np.where(curve > 0, curve, np.nan), color=color, label=dtype)
        axes.hlines(limit, 0, first or len(curve), color=color, linestyle="--")
    axes.set_xlabel("step")
    axes.set_ylabel("relative difference of the training loss")
    axes.set_title(f"{title}: jaxgrok against PyTorch (dashed: limit)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


if __name__ == "__main__":
    sys.exit(main())
