"""Sums from a few examples: memorised in hundreds of steps, understood in thousands.

laptop: 2-digit numbers, 200 and 300 of the 10,000 sums, two rates and decays. post:
5-digit numbers and 700 examples, at a rate and decay that are guesses, since those of
its saved run are not known (docs/tasks.md has what was tried). 95% of new digits right
is a grok: the authors' run ends at a test loss of 0.2.

    python -m jaxgrok.sweep --grid sweeps/digits_finite.py

laptop, 2-core CPU, 2026-11-25, 4 min 4 s: with 200, memorised at 150 to 300, four of
eight networks grok at 6,650 to 9,500; with 300 all eight do, at 450 to 6,900
(docs/tasks.md).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale, "digits")
    laptop = config.scale == "laptop"
    config.n_train = (200, 300) if laptop else (700,)
    config.weight_decay = (3.0, 2.0) if laptop else (0.3, 1.0)
    if laptop:
        # A slow second moment keeps so strong a decay nearly free of spikes.
        config.learning_rate, config.beta2 = (1e-3, 2e-3), (0.999,)
        config.zip = "weight_decay, learning_rate"
    config.accuracy_threshold = 0.95
    config.seed = (0, 1, 2, 3)
    config.steps = (10_000,) if laptop else (20_000,)
    config.steps_past_grok = 1_000
    config.eval_every = 50 if laptop else 100
    return config
