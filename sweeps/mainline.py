"""The post's main line: when does x + y mod 113 grok, over four seeds?

Weight decay 1, 30% of the pairs, full batch, as in the post; goes on for 6,000 steps
past the grok, so that the clean-up shows, and keeps snapshots for the Fourier analysis:
`python -m jaxgrok.analyse runs/mainline-post --cell seed=0`.

    python -m jaxgrok.sweep --grid sweeps/mainline.py

2-core CPU, 2026-11-26, 31 min: groks at 7,200, 4,900, 6,300 and 9,000.
"""

from jaxgrok import grid


def get_config(scale="post"):
    config = grid.base("post" if scale == "auto" else scale)
    config.seed = (0, 1, 2, 3)
    config.steps_past_grok = 6_000
    config.snapshots = "all"
    return config
