"""Weights of a network that TransformerLens does not have."""

import pytest

import jaxgrok
import tiny


def test_another_network_is_refused(tmp_path):
    config = tiny.config(model="mlp", snapshots="all", steps=(10,))
    run = tmp_path / "run"
    jaxgrok.run(config, run, quiet=True)
    with pytest.raises(ValueError, match="cell 0: TransformerLens has no such network"):
        jaxgrok.export_weights(run, 0, out=tmp_path / "model.npz")
    assert not (tmp_path / "model.npz").exists()
