"""Weight decay against data fraction: which cells grok, and when?

Records the spectra and excluded losses of every cell as it trains.

    python -m jaxgrok.sweep --grid sweeps/wd_vs_frac.py

laptop, 2-core CPU, 2026-11-25, 4 min: 84 cells, a staircase (docs/phase_diagram.png):
weight decay 0.3 groks from 60% of the pairs, 0.03 from 70%, 0 only at 90%; 5 never
fits. Embeddings are sparser the stronger the decay (docs/circuit_measures.png).
"""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base(scale)
    config.weight_decay = (0.0, 0.03, 0.1, 0.3, 1.0, 5.0)
    config.train_fraction = (0.3, 0.5, 0.6, 0.65, 0.7, 0.8, 0.9)
    config.seed = (0, 1)
    config.measures = "fourier"
    return config
