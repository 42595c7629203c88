"""What `same_bits.py` trains: the grid files, and what of them is changed."""

from typing import Any

SNAPSHOTS = {"snapshots": "all", "snapshot_every": 100, "snapshot_early_until": 0}
SHORT = {"steps": (100,), "seed": (0, 1)}
GROWING = "chain.growing momentum + L2.steps"
THREE = {
    "AdamW": {"decay_on": "W_*"},
    "Adam": {"optimiser": "adam", "l1": (1e-5,), "dropout": (0.1,)},
    "SGD": {"optimiser": "sgd", "momentum": (0.9,), "learning_rate": (0.1,)},
}
STAGES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "wd_vs_frac": (
        "laptop",
        {"snapshot_every": 500},
        {"weight_decay": (0.0, 1.0), "train_fraction": (0.3, 0.8), "steps": (300,)},
    ),
    "mainline": (
        "post",
        {"steps": (60,), "eval_every": 20, "snapshot_every": 20},
        {"steps": (20,), "seed": (0, 1), "eval_every": 10, "snapshot_every": 10},
    ),
    "digits_finite": ("laptop", {"steps": (400,)}, SHORT | {"n_train": (200,)}),
    "repeats_online": ("laptop", {"steps": (400,)}, SHORT),
    "trigrams_finite": ("laptop", {"steps": (500,)}, SHORT | {"n_train": (50,)}),
    "mlp": ("laptop", {"steps": (1_000,)}, SHORT),
    "multitask": ("laptop", {"steps": (500,)}, SHORT),
    "optimisers": (
        "laptop",
        {"steps": (500,), GROWING: (500,)},
        {"steps": (100,), "chain": THREE, "seed": (0,)},
    ),
    "crossover_modular": (
        "laptop",
        {"weight_decay": (1.0,)},
        {"n_train": (800, 1_100, 1_400), "seed": (0, 1, 2), "steps": (800,)},
    ),
}
"""Of each grid file: scale, changes of its fields, and those of --quick on top."""
