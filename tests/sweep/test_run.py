"""A sweep that is extended, or goes on elsewhere: as if nothing had happened."""

import numpy as np
import pytest
from handmade import rewrite

import jaxgrok
import tiny
from jaxgrok.engine.platform import Platform
from jaxgrok.host import machine
from jaxgrok.host.machine import ARITHMETIC
from jaxgrok.results.files.manifest import read_manifest
from runs import same


def test_more_seeds_and_a_longer_budget_extend(tmp_path):
    out = tmp_path / "a"
    jaxgrok.run(tiny.config(seed=(0,)), out, quiet=True)
    jaxgrok.run(tiny.config(seed=(0, 1)), out, quiet=True)
    dataset = jaxgrok.run(tiny.config(seed=(0, 1), steps=(60,)), out, quiet=True)
    assert dataset.sizes["step"] == 7
    jaxgrok.run(tiny.config(seed=(0, 1), steps=(60,)), tmp_path / "b", quiet=True)
    same(out, tmp_path / "b")


def test_a_diverged_cell_stops_alone(tmp_path):
    config = tiny.config(init_scale=(1.0, 1e30))
    dataset = jaxgrok.run(config, tmp_path / "a", quiet=True)
    status = dataset.status.squeeze()
    assert status.sel(init_scale=1.0) == "done"
    assert status.sel(init_scale=1e30) == "diverged"
    assert "not finite at step" in str(dataset.cause.sel(init_scale=1e30).item())
    lost = dataset.sel(init_scale=1e30)
    assert lost.phase.item() == "diverged"
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        assert np.isnan(lost[name]).all() and np.isnan(lost[f"final_{name}"]).all()
        assert np.isfinite(dataset[name].sel(init_scale=1.0)).all()


def test_a_precision_that_is_emulated_is_said_before_training(tmp_path, capsys):
    jaxgrok.run(tiny.config(precision="tf32"), tmp_path / "a")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("laptop scale on ")
    assert lines[1].startswith("precision=tf32 is emulated on a CPU")
    assert lines[2].startswith("1/1 ")


def test_float64_on_a_tpu_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    tpu = Platform("tpu", "TPU v5 lite", 4)
    monkeypatch.setattr(Platform, "of", lambda _: tpu)
    with pytest.raises(ValueError, match="loss='float64' cannot be computed on a TPU"):
        jaxgrok.run(tiny.config(loss="float64"), tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_another_machine_is_refused_only_while_something_is_pending(
    tmp_path, monkeypatch
):
    out = tmp_path / "a"
    jaxgrok.run(tiny.config(), out, quiet=True)
    bits = machine.bits() | {"cpu_threads": 999}
    monkeypatch.setattr(machine, "bits", lambda: bits)
    jaxgrok.run(tiny.config(), out, quiet=True)
    with pytest.raises(ValueError, match=r"cpu_threads=.* here it is 999"):
        jaxgrok.run(tiny.config(seed=(0, 1)), out, quiet=True)


def test_with_mixed_bits_a_run_goes_on_elsewhere_and_each_cell_says_where(
    tmp_path, monkeypatch
):
    out = tmp_path / "a"
    jaxgrok.run(tiny.config(steps=(20,)), out, quiet=True)
    bits = machine.bits() | {"device": "abacus", "cpu_threads": 999}
    monkeypatch.setattr(machine, "bits", lambda: bits)
    config = tiny.config(seed=(0, 1))
    dataset = jaxgrok.run(config, out, mixed_bits=True, quiet=True)
    one, two = dataset.computed_with.values.ravel()
    assert two.startswith("abacus, ") and "cpu_threads 999" in two
    # The first goes on from the state that the shorter budget left on this machine.
    assert one.endswith(f", then {two}") and not one.startswith("abacus")
    assert "mixed bits: 2 machines or versions" in dataset.title
    assert "abacus" not in (out / "cells.csv").read_text()
    jaxgrok.run(tiny.config(seed=(0, 1, 2)), out, quiet=True)  # as it was last


def test_snapshots_that_were_not_wanted_before_are_made_by_training_again(
    tmp_path, capsys
):
    fields = {"seed": (0, 1), "snapshot_early_until": 0, "snapshot_every": 20}
    out = tmp_path / "a"
    jaxgrok.run(tiny.config(**fields), out, quiet=True)
    table = (out / "cells.csv").read_bytes()
    capsys.readouterr()
    jaxgrok.run(tiny.config(snapshots="seed=1", **fields), out)
    assert "1 finished cell lacks snapshots that snapshots='seed=1' asks for: " in (
        capsys.readouterr().err
    )
    assert (out / "cells.csv").read_bytes() == table
    assert jaxgrok.load_trajectory(out, 1)[0].tolist() == [0, 20, 40]
    jaxgrok.run(tiny.config(snapshots="seed=1", **fields), out)
    assert "lacks" not in capsys.readouterr().err


def test_results_of_an_earlier_arithmetic_are_not_mixed_with_todays(tmp_path):
    out = tmp_path / "a"
    jaxgrok.run(tiny.config(), out, quiet=True)
    bits = read_manifest(out).bits | {"arithmetic": ARITHMETIC - 1}
    rewrite(out, bits=bits)
    jaxgrok.run(tiny.config(), out, quiet=True)
    words = f"computed with arithmetic={ARITHMETIC - 1}, here it is {ARITHMETIC}"
    with pytest.raises(ValueError, match=words):
        jaxgrok.run(tiny.config(seed=(0, 1)), out, quiet=True)


def test_another_grid_is_refused_and_nothing_is_touched(tmp_path):
    out = tmp_path / "a"
    jaxgrok.run(tiny.config(), out, quiet=True)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match="holds another sweep: modulus is 7 there"):
        jaxgrok.run(tiny.config(modulus=5), out, quiet=True)
    with pytest.raises(ValueError, match="not in this grid"):
        jaxgrok.run(tiny.config(seed=(1,)), out, quiet=True)
    assert before == {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
