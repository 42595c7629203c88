"""Does a network use the frequencies that are favoured, and not those forbidden?

All frequencies of x+y mod a prime are alike, as a factor carries one into another: 3
stands for any. Parts favour it or forbid it, weakly and strongly, favour three, or
forbid the upper half. What it costs in steps, beside the plain network:

    python -m jaxgrok.sweep --grid sweeps/frequencies.py
    python -m jaxgrok.comparison runs/frequencies-laptop --baseline part=plain

2-core CPU, 2026-11-28, 2 min 0 s.
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    laptop = config.scale == "laptop"
    config.train_fraction = (0.7,) if laptop else (0.4,)
    config.seed = tuple(range(8))
    config.steps = (1_600,) if laptop else (30_000,)
    config.eval_every = 25 if laptop else 100
    # Time for the circuit to become sparse, which tells the frequencies that it uses.
    config.steps_past_grok = 400 if laptop else 5_000
    config.measures = "fourier"
    half = config.modulus // 2
    upper = ",".join(map(str, range(half // 2 + 1, half + 1)))
    parts = {
        "3 favoured weakly": {"frequencies": "3", "trig_weight": (0.1,)},
        "3 favoured": {"frequencies": "3", "trig_weight": (1.0,)},
        "3 forbidden weakly": {"frequencies": "3", "excluded_weight": (0.1,)},
        "3 forbidden": {"frequencies": "3", "excluded_weight": (1.0,)},
        "3, 7, 17 favoured": {"frequencies": "3,7,17", "trig_weight": (1.0,)},
        "upper half forbidden": {"frequencies": upper, "excluded_weight": (1.0,)},
    }
    for fields in parts.values():
        fields["objective"] = "frequencies"
    config.chain = {"plain": {}} | parts
    return config
