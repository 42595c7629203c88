"""What makes a network grok sooner? Methods of the literature beside AdamW.

All methods have the same seeds, so the same initial weights, splits and batches: cells
are compared in pairs (docs/compare.md). Budgets are 2 to 3 times AdamW's median.

    python -m jaxgrok.sweep --grid sweeps/accelerate.py
    python -m jaxgrok.comparison runs/accelerate-laptop --baseline part=AdamW

Scales: `quick`, one setting; `laptop`, four; `full`, sixteen; `tuning`, the same with
several rates and decays, on seeds of their own; `tuned`, each method with the rate and
decay that grokked soonest there, on the seeds of `full`; `post`, p = 97 and 113.

laptop, 2-core CPU, 2026-11-28, 60 min; quick 1 min 37 s. By --dry_run, if no cell
groks: full and tuned 5 h 10 min, tuning 9 h 30 min; post 11 days, which is for an
accelerator.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from jaxgrok import grid
from jaxgrok.comparison.tuning import best

TUNING_RUN = "runs/accelerate-tuning"
TUNED = ("learning_rate", "weight_decay")
SETTING = ("operation", "train_fraction", "batch_size", "d_model")
"""Axes that are tuned, and those that tell the settings of `full` apart."""
COUNTED, TUNING = tuple(range(16)), tuple(range(1000, 1004))
"""Seeds that are compared, and those that choose rates and decays."""
FACTORS = (0.3, 1.0, 3.0)
"""Tried by `tuning`: learning rates, and weight decays, over the published ones."""
DECAYS = (0.0, 0.1, 0.3)
"""Tried where the published decay is 0, over AdamW's."""


class Method(NamedTuple):
    """Fields of a method; its learning rate and weight decay, over AdamW's."""

    fields: Mapping[str, Any] = MappingProxyType({})
    rate: float = 1.0
    decay: float = 1.0


METHODS = {
    # Nanda & Lieberum 2022: rate 1e-3, decay 1, beta2 0.98; 3e-3 at laptop scale.
    "AdamW": Method(),
    # Lee et al. 2024 (arXiv 2405.20233), the commands of its code: alpha 0.98, lambda
    # 2, decay 0.005; window 100, lambda 5, decay 0.01. Their baseline has no decay. Its
    # advice is to begin with the decay of the task.
    "Grokfast EMA": Method({"optimiser": "grokfast_ema"}),
    "Grokfast MA": Method({"optimiser": "grokfast_ma"}),
    # Jordan et al. 2024: momentum 0.95, 5 iterations. Liu et al. 2025 (arXiv
    # 2502.16982): a scale with which rate and decay are AdamW's.
    "Muon": Method({"optimiser": "muon"}),
    # Prieto et al. 2025 (arXiv 2501.04697): rate 1e-3 for a transformer; no decay.
    "⊥Grad": Method({"optimiser": "orthogonal"}, decay=0),
    "StableMax": Method({"loss": "stablemax"}, decay=0),
    "⊥Grad, StableMax": Method(
        {"optimiser": "orthogonal", "loss": "stablemax"}, decay=0
    ),
    # Chen et al. 2023 (arXiv 2302.06675): betas 0.9 and 0.99, a rate 3 to 10 times
    # smaller and a decay so many times larger than AdamW's. 3, as its weights stay
    # below 1 / decay, and with 5 nothing is memorised at p = 47 (wd_vs_frac.py).
    "Lion": Method({"optimiser": "lion", "beta2": (0.99,)}, rate=1 / 3, decay=3),
    # SGD needs a rate that grows as the loss falls (sweeps/optimisers.py). L2. With 3
    # times this rate 3 of 4 networks of `laptop` diverged, before they memorised.
    "growing SGD": Method(
        {"optimiser": "sgd", "momentum": (0.9,), "schedule": "growing"},
        rate=10 / 3,
        decay=1e-7,
    ),
    # Liu et al. 2022 (arXiv 2210.01117): from a smaller norm, and a constant one of 0.8
    # times the usual, for modular addition.
    "half initial scale": Method({"init_scale": (0.5,)}),
    "constant norm": Method({"weight_norm": "constant", "init_scale": (0.8,)}),
    # Power et al. 2022 (arXiv 2201.02177): 0.1.
    "dropout": Method({"dropout": (0.1,)}),
    # Nobody claims these two to speed a grok up. The cosine ends with the budgets.
    "cosine": Method({"schedule": "cosine"}),
    "warm-up": Method({"warmup_steps": 500}),
}
QUICK = tuple(METHODS)[:8]
LAPTOP = tuple(METHODS)[:12]


def row(operation, train_fraction, steps, width, batch_size=0):
    """A row of a scale: a task, how much of it trains, a budget, a network."""
    sizes = {"d_model": width, "d_head": width // 4, "d_mlp": 4 * width}
    return sizes | {
        "operation": operation,
        "train_fraction": train_fraction,
        "batch_size": batch_size,
        "steps": steps,
    }


# x/y takes a wider network: of width 32, 3 of 6 grok 90% of it within 4,000 steps.
LAPTOP_SETTINGS = (
    row("x+y", 0.6, steps=1_500, width=32),
    row("x+y", 0.7, steps=1_000, width=32),
    row("x/y", 0.85, steps=1_660, width=64),
    row("x/y", 0.9, steps=1_800, width=64),
)
WIDER = {32: 64, 64: 96}
# Twice the budget in the others, whose median is not known beforehand.
FULL_SETTINGS = LAPTOP_SETTINGS + tuple(
    row(one["operation"], one["train_fraction"], 2 * one["steps"], width, batch_size)
    for one in LAPTOP_SETTINGS
    for width in (one["d_model"], WIDER[one["d_model"]])
    for batch_size in (0, 512)
    if (width, batch_size) != (one["d_model"], one["batch_size"])
)
# 97 and x/y at 50%: the setting in which Muon was said not to grok sooner (Essential AI
# 2025). The budgets are those of x+y at p = 113, whose cells grok at 5k to 10k steps.
POST_SETTINGS = (
    {"modulus": 113, "operation": "x+y", "train_fraction": 0.3, "steps": 30_000},
    {"modulus": 113, "operation": "x/y", "train_fraction": 0.5, "steps": 30_000},
    {"modulus": 97, "operation": "x+y", "train_fraction": 0.4, "steps": 30_000},
    {"modulus": 97, "operation": "x/y", "train_fraction": 0.5, "steps": 30_000},
)
SETTINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "quick": LAPTOP_SETTINGS[1:2],
    "laptop": LAPTOP_SETTINGS,
    "full": FULL_SETTINGS,
    "tuning": FULL_SETTINGS,
    "tuned": FULL_SETTINGS,
    "post": POST_SETTINGS,
}
OWN_SCALES = dict.fromkeys(("quick", "full", "tuning", "tuned"), "laptop")
"""Scales that are none of the presets', and the one whose sizes they start from."""


def get_config(scale="auto"):
    config = grid.base(scale, scales=OWN_SCALES)
    scale = config.scale
    settings = SETTINGS[scale]
    for name in settings[0]:
        config[name] = tuple(setting[name] for setting in settings)
    config.zip = ", ".join(settings[0])
    config.seed = {"quick": COUNTED[:8], "tuning": TUNING}.get(scale, COUNTED)
    config.eval_every = 100 if scale == "post" else 20
    if scale != "quick":
        config.measures = "fourier"
    names = {"quick": QUICK, "laptop": LAPTOP}.get(scale, tuple(METHODS))
    (rate,), (decay,) = config.learning_rate, config.weight_decay
    if scale == "tuned":
        frame = best(TUNING_RUN, TUNED)
        for axis in TUNED:
            config[axis] *= len(settings)
        config.zip += ", " + ", ".join(TUNED)
        parts = {name: chosen(frame, name, settings) for name in names}
    else:
        parts = {name: tried(METHODS[name], rate, decay, scale) for name in names}
    for name in names:
        parts[name] |= METHODS[name].fields
    if "cosine" in parts:
        parts["cosine"]["cosine_steps"] = (max(config.steps),)
    config.chain = parts
    return config


def tried(method, rate, decay, scale):
    """The rates and decays of a method, where AdamW has these."""
    factors = FACTORS if scale == "tuning" else (1.0,)
    rates = (rate * method.rate * factor for factor in factors)
    decays = (decay * method.decay * factor for factor in factors)
    if scale == "tuning" and not method.decay:
        decays = (decay * factor for factor in DECAYS)
    # In six digits: 0.9, not 0.8999999999999999.
    axes = ((float(f"{value:.6g}") for value in axis) for axis in (rates, decays))
    return {name: tuple(axis) for name, axis in zip(TUNED, axes, strict=True)}


def chosen(frame, name, settings):
    """The rate and decay of a method in each setting, from the choices of `best`."""
    rows = frame.set_index(["part", *SETTING])
    keys = [(name, *(setting[axis] for axis in SETTING)) for setting in settings]
    return {axis: tuple(float(rows.loc[key][axis]) for key in keys) for axis in TUNED}
