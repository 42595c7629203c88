"""Which optimisers and regularisers grok? One setting each, and one without any.

AdamW's decay is decoupled; that of Adam and SGD is L2. The steps of SGD scale with the
gradient, so it needs a rate that still moves a network whose loss is near 0.

    python -m jaxgrok.sweep --grid sweeps/optimisers.py

laptop, 2-core CPU, 2026-11-25, 5 min 9 s: all but plain SGD and Adam alone grok in at
least one of two seeds; L1 too, where the paper found none; momentum at a rate that has
grown to 2.8 does with its train loss at 7e-7 (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    laptop = config.scale == "laptop"
    config.train_fraction = (0.7,) if laptop else (0.3,)
    config.seed = (0, 1)
    config.steps = (10_000,) if laptop else (100_000,)
    none = {"weight_decay": (0.0,)}
    sgd = {"optimiser": "sgd", "learning_rate": (0.1,), "weight_decay": (1e-4,)}
    # As the loss falls, so do its gradient and its curvature: a rate that grows with
    # the steps goes on moving where a constant one stands still, or would diverge.
    growing = sgd | {"momentum": (0.9,), "learning_rate": (10.0,)}
    growing |= {"warmup_steps": 100_000, "weight_decay": (1e-7,), "steps": (30_000,)}
    config.chain = {
        "AdamW": {"weight_decay": (1.0,)},
        "AdamW on matrices": {"weight_decay": (1.0,), "decay_on": "W_*"},
        "AdamW on embeddings": {"weight_decay": (1.0,), "decay_on": "W_E,W_U"},
        "Adam + L2": {"optimiser": "adam", "weight_decay": (1e-3,)},
        "SGD + L2": sgd,
        "momentum + L2": sgd | {"momentum": (0.9,)},
        "growing momentum + L2": growing,
        "Adam + L1": none | {"l1": (1e-5,)},
        "Adam + dropout": none | {"dropout": (0.1,)},
        "Adam alone": none,
    }
    return config
