"""The fields of a config and their defaults: for each task, at each scale.

`post` is what the post's authors ran, `laptop` a size that shows the same on two cores
in minutes. Where the post gives no number, the choice is ours and said beside it.

    >>> config = base("laptop", "digits")
    >>> config.weight_decay = (0.1, 1.0)
"""

from typing import Any

import ml_collections

from jaxgrok.fields.checks import TRACED, listed, refuse_other_than_tuple

POST: dict[str, Any] = {
    "task": "modular",
    "operation": "x+y",
    "modulus": 113,
    "equals_logit": True,
    "table_seed": 0,
    "operations": "x+y,x-y,x*y",
    "digits": 5,
    "symbols": 127,
    "length": 84,
    "repeat_length": 16,
    "occurrences": 3,
    "begin": True,
    "end": False,
    "small": 10,
    "large": 10,
    "entries": 40,
    "bits": 40,
    "secret": 3,
    "secret_seed": 0,
    "model": "transformer",
    "layers": 1,
    "d_model": 128,
    "heads": 4,
    "d_head": 32,
    "d_mlp": 512,
    "activation": "relu",
    "attention_only": False,
    "layer_norm": False,
    "biases": "mlp",
    "regime": "finite",
    "batch_size": 0,
    "train_size": 0,
    "test_size": 1024,
    "loss": "exact",
    "optimiser": "adamw",
    "decay_on": "all",
    "warmup_steps": 10,
    "eps": 1e-8,
    "precision": "highest",
    "dtype": "float32",
    "eval_every": 100,
    "stop": "grokked",
    "steps_past_grok": 0,
    "measures": "none",
    "accuracy_threshold": 0.99,
    "hold": 3,
    "grok_ratio": 2.0,
    "block_width": 0,
    "snapshots": "none",
    "snapshot_every": 100,
    "snapshot_early_every": 20,
    "snapshot_early_until": 400,
    "learning_rate": (1e-3,),
    "beta1": (0.9,),
    "beta2": (0.98,),
    "momentum": (0.0,),
    "l1": (0.0,),
    "dropout": (0.0,),
    "init_scale": (1.0,),
    "steps": (50_000,),
    "weight_decay": (1.0,),
    "n_train": (),
    "train_fraction": (0.3,),
    "seed": (0,),
    "zip": "",
}
"""Every field, at the sizes of the post's modular addition."""

_LAPTOP_MODULAR = {
    "modulus": 47,
    "d_model": 32,
    "d_head": 8,
    "d_mlp": 128,
    "learning_rate": (3e-3,),
    "steps": (3_000,),
    "eval_every": 50,
    "snapshot_every": 50,
}
_SAMPLED = {"train_fraction": ()}
_SMALL = {"d_model": 64, "d_head": 16, "d_mlp": 256, "eval_every": 50}
_ATTENTION_ONLY = {"attention_only": True}

SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "modular": {"post": {}, "laptop": _LAPTOP_MODULAR},
    # One saved run of the authors is d_model 128; the post's figure has 512 and a rate
    # of 1e-4. The finite run's rate and decay are not recorded.
    "digits": {
        "post": _SAMPLED | {"n_train": (700,), "steps": (20_000,)},
        "laptop": _SAMPLED | _SMALL | {"digits": 2, "n_train": (700,)},
    },
    "repeats": {
        "post": _SAMPLED
        | _ATTENTION_ONLY
        | {"layers": 2, "d_model": 48, "d_head": 12, "beta2": (0.999,)}
        | {"warmup_steps": 100, "n_train": (512,), "batch_size": 128}
        | {"steps": (240_000,), "eval_every": 500},
        "laptop": _SAMPLED
        | _ATTENTION_ONLY
        | {"layers": 2, "d_model": 48, "d_head": 12, "beta2": (0.98,)}
        | {"symbols": 15, "length": 16, "repeat_length": 6, "occurrences": 2}
        | {"n_train": (512,)},
    },
    "trigrams": {
        "post": _SAMPLED
        | _ATTENTION_ONLY
        | {"d_model": 32, "heads": 1, "d_head": 8, "n_train": (50,)}
        | {"steps": (5_000,), "eval_every": 25},
        "laptop": _SAMPLED
        | _ATTENTION_ONLY
        | {"d_model": 32, "heads": 1, "d_head": 8, "n_train": (50,)}
        | {"steps": (5_000,), "eval_every": 25},
    },
    # Barak et al. train MLPs of widths 10 to 1000 by SGD; AdamW is ours.
    "parity": {
        "post": _SAMPLED
        | {"model": "mlp", "d_mlp": 256, "n_train": (1_000,), "steps": (50_000,)},
        "laptop": _SAMPLED
        | {"model": "mlp", "d_mlp": 128, "bits": 20, "n_train": (800,)}
        | {"learning_rate": (3e-3,)},
    },
    "multitask": {
        "post": {},
        "laptop": _LAPTOP_MODULAR | {"d_model": 64, "d_head": 16, "d_mlp": 256},
    },
}
"""For each task and scale, what differs from POST."""
SCALES = ("post", "laptop")


class _Config(ml_collections.ConfigDict):
    """A ConfigDict that refuses a list as an axis, where its parent converts it.

    The parts of a chain stay in the order in which they are written.
    """

    def __setitem__(self, key: str, value: Any) -> None:
        if key in TRACED:
            refuse_other_than_tuple(key, value)
        if key == "chain" and isinstance(value, dict):
            value = ml_collections.ConfigDict(value, type_safe=False, sort_keys=False)
        super().__setitem__(key, value)


def base(scale: str = "auto", task: str = "modular") -> ml_collections.ConfigDict:
    """Return every field at a task's defaults; a task of your own has those of modular.

    `post` is the post's own sizes, `laptop` small ones that show the same phases in
    minutes on two cores; `auto` is `laptop` on a CPU and `post` on an accelerator.
    `block_width` 0 means the default of the device; `train_size` 0 that n_train is
    rounded up, to few programs, where another number is what every cell is padded to.
    """
    if scale == "auto":
        import jax

        scale = "laptop" if jax.default_backend() == "cpu" else "post"
    if scale not in SCALES:
        raise ValueError(
            f"scale={scale!r} is unknown; choose one of {listed(SCALES)}, auto"
        )
    sizes = SIZES.get(task, SIZES["modular"])
    config = _Config(POST | sizes[scale] | {"task": task}, type_safe=False)
    config.scale = scale
    config.chain = {}
    return config
