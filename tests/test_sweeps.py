"""Every grid file that is shipped runs to its end, in a quick form of itself."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import jaxgrok
from jaxgrok.grid import fields

FILES = sorted((Path(__file__).parent.parent / "sweeps").glob("*.py"))
SMALL = {
    "modulus": 7,
    "digits": 2,
    "symbols": 4,
    "length": 8,
    "repeat_length": 3,
    "occurrences": 2,
    "small": 3,
    "large": 3,
    "entries": 4,
    "bits": 8,
    "test_size": 16,
    "d_model": 8,
    "heads": 1,
    "d_head": 4,
    "d_mlp": 8,
    "eval_every": 10,
    "steps_past_grok": 0,
    "snapshot_every": 10,
    "block_width": 2,
}


SOON = {
    "mainline",
    "multitask",
    "repeats_online",
    "slingshots",
    "wd_vs_frac",
}
"""One of each kind; the others are slow."""


def quick(config):
    """The same sweep with tiny sizes, 10 steps, the first seed, few programs."""
    zipped = [name.strip() for name in config.zip.split(",") if name]
    for name in zipped:  # the first of the rows
        config[name] = config[name][:1]
    small = {name: value for name, value in SMALL.items() if name in config}
    config.update({name: small[name] for name in small if name not in zipped})
    config.seed = config.seed[:1]
    config.steps = tuple(10 for _ in config.steps)
    config.n_train = config.n_train and (20,)
    if "train_fraction" not in zipped:
        config.train_fraction = config.train_fraction and (0.5,)
    for name, value in config.items():
        is_axis = isinstance(value, tuple) and name not in fields.traced()
        if is_axis and name not in zipped:
            config[name] = value[-1:]  # a program each
    # One that fits so small a network, in all chains.
    for part in set(config.chain) - set(list(config.chain)[4:5]):
        del config.chain[part]
    if config.batch_size and "batch_size" not in zipped:
        config.batch_size = 8
    return config


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(
            file, marks=pytest.mark.long if file.stem in SOON else pytest.mark.slow
        )
        for file in FILES
    ],
    ids=lambda file: file.stem,
)
def test_a_grid_file_runs(file, with_figures, tmp_path):
    config = quick(runpy.run_path(str(file))["get_config"]("laptop"))
    dataset = jaxgrok.run(config, tmp_path, blocks=1, quiet=True)
    assert (dataset.status == "done").all()
    assert np.isfinite(dataset.final_train_loss).all()
    assert (dataset.steps == 10).all()
    assert (tmp_path / "plots" / "phase_diagram.png").stat().st_size > 5_000
