"""What the scenes sweep: cells that are short, so that many end between two kills."""

from typing import Any

from jaxgrok import grid

SMALL = {
    "modulus": 7,
    "d_model": 16,
    "heads": 2,
    "d_head": 8,
    "d_mlp": 32,
    "eval_every": 25,
    "block_width": 2,
}


def get_config(scale: str = "laptop") -> Any:
    """Sixteen cells, without snapshots."""
    config = grid.base("laptop")
    fields = {"steps": (3_000,), "weight_decay": (0.3, 1.0), "seed": tuple(range(8))}
    config.update(SMALL | fields)
    if scale == "quick":
        # Labels at random have no circuits, which would be looked for.
        config.update(model="mlp", operation="random", steps=(2_000,))
    if scale in ("snapshots", "long", "quick"):
        config.update(snapshots="all", snapshot_every=500, snapshot_early_until=100)
    if scale == "long":
        config.update(steps=(20_000,), snapshot_every=5_000)
    if scale == "components":
        config = grid.base("laptop", "multitask")
        config.update(SMALL | {"steps": (1_200,), "seed": tuple(range(8))})
    if scale == "search":
        search = {"train_fraction": (), "n_train": tuple(range(6, 46, 3))}
        search |= {"steps": (600,), "accuracy_threshold": 0.25, "hold": 1}
        search |= {"weight_decay": (0.1, 1.0), "seed": (0, 1, 2, 3)}
        config.update(search | {"learning_rate": (1e-2,)})
    return config
