"""Repeated subsequences from a few sequences: memorised, and much later induced.

laptop: sequences of 16 tokens out of 15, in minibatches; a token that stands in two
places is ambiguous, so 80% is what counts as right. post: 512 sequences of 85 tokens,
whose test loss passes 3 at step 199,000 in the published run.

    python -m jaxgrok.sweep --grid sweeps/repeats_finite.py

laptop, 2-core CPU, 2026-11-25, 4 min 14 s: 80% of train at 400 to 800; of test at 5,600
to 18,600 with 256 sequences, at 2,200 to 6,200 with 384 (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "repeats")
    if config.scale == "laptop":
        config.n_train = (256, 384)
        config.batch_size = 32
        config.learning_rate = (2e-3,)
        config.weight_decay = (0.5,)
        config.steps = (24_000,)
        config.eval_every = 200
        config.accuracy_threshold = 0.8
    config.seed = (0, 1, 2, 3)
    config.stop = "steps"
    return config
