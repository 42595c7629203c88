"""Sums from a few examples: memorised in hundreds of steps, understood in thousands.

laptop: 2-digit numbers, 150 to 300 of the 10,000 sums. post: 5-digit numbers and 700
examples, at a rate and decay that are guesses, since those of its saved run are not
known (docs/tasks.md has what was tried).

    python -m jaxgrok.sweep --grid sweeps/digits_finite.py

laptop, 2-core CPU, 2026-11-25, 4 min 27 s: 150 stay memorised; with 200 the test loss
falls from 1.7 to 0.2 long after the train loss is at 1e-6, in jumps; 300 generalise
nearly at once (docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "digits")
    laptop = config.scale == "laptop"
    config.n_train = (200, 300) if laptop else (700,)
    config.weight_decay = (2.0, 3.0) if laptop else (0.3, 1.0)
    if laptop:
        # A slow second moment keeps so strong a decay nearly free of spikes.
        config.learning_rate, config.beta2 = (2e-3, 1e-3), (0.999,)
        config.zip = "weight_decay, learning_rate"
    config.accuracy_threshold = 0.95
    config.seed = (0, 1, 2, 3)
    config.steps = (10_000,) if laptop else (20_000,)
    config.steps_past_grok = 1_000
    config.eval_every = 50 if laptop else 100
    return config
