"""What trackers are told of a cell is what the run holds."""

import dataclasses
import json
import struct
from pathlib import Path
from unittest import mock

import handmade
import pytest

import jaxgrok
from jaxgrok.export import trackers
from jaxgrok.export.trackers import export_tensorboard, export_wandb, tracker_runs


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """Six cells, the last of which has not ended."""
    manifest = handmade.product()
    path = tmp_path_factory.mktemp("trackers") / "run"
    return handmade.write(path, manifest, handmade.all_results(manifest)[:5])


def test_cells_that_have_ended_are_told_in_order(run_dir):
    told = list(tracker_runs(jaxgrok.open(run_dir)))
    axes = [(one.axes["weight_decay"], one.axes["seed"]) for one in told]
    assert axes == [(0.1, 0), (0.1, 1), (0.1, 2), (1.0, 0), (1.0, 1)]
    steps = dict(told[4].scalars())
    dataset = jaxgrok.load(run_dir).sel(weight_decay=1.0, seed=1)
    assert list(steps) == dataset.step.values.tolist()
    assert steps[20]["test_loss"] == dataset.test_loss.sel(step=20)
    assert told[4].outcome["phase"] == dataset.phase
    assert "cell" not in told[4].outcome and "seed" not in told[4].outcome


def events(folder):
    """Every scalar of the event files in a folder: {tag: {step: value}}."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for file in folder.iterdir():
        data = file.read_bytes()
        while data:  # length, checksum, event, checksum
            (size,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + size])
            data = data[16 + size :]
            for value in event.summary.value:
                number = value.simple_value
                found.setdefault(value.tag, {})[event.step] = number
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_has_every_curve_and_the_axes(run_dir, tmp_path):
    out = tmp_path / "events"
    assert export_tensorboard(run_dir, cell="seed=1", out=out) == 2
    folders = sorted(folder.name for folder in out.iterdir())
    assert folders == [
        f"weight_decay={decay},train_fraction=0.5,seed=1" for decay in (0.1, 1.0)
    ]
    found = events(out / folders[1])
    curve = jaxgrok.load(run_dir).test_loss.sel(weight_decay=1.0, seed=1)
    assert list(found["test_loss"]) == curve.step.values.tolist()
    assert list(found["test_loss"].values()) == curve.values.ravel().tolist()
    hparams = [tag for tag in found if tag.startswith("_hparams_")]
    assert len(hparams) == 3  # the experiment, and the start and end of a session
    with pytest.raises(ValueError, match="holds something already"):
        export_tensorboard(run_dir, out=out)


@pytest.mark.process
@pytest.mark.filterwarnings("ignore")
def test_wandb_has_the_axes_and_the_outcome(run_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    out = tmp_path / "tracked"
    assert export_wandb(run_dir, cell="weight_decay=1.0,seed=1", out=out) == 1
    (file,) = out.glob("wandb/offline-run-*/*.wandb")
    stored = file.read_bytes()
    assert json.dumps("weight_decay").encode()[1:-1] in stored
    assert b"test_loss" in stored and b"grok" in stored


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("raises", [ConnectionError, KeyboardInterrupt])
def test_an_export_to_wandb_that_breaks_off_leaves_nothing(
    run_dir, tmp_path, monkeypatch, raises, existed
):
    out = tmp_path / "tracked"
    if existed:
        out.mkdir()
    begun = []

    def init(name, dir, **_):
        if begun:
            raise raises("no network")
        begun.append(Path(dir) / name)
        begun[0].write_text("half")
        return mock.Mock()

    wandb = mock.Mock(init=init)
    wandb.errors.Error = ConnectionError
    monkeypatch.setattr(trackers, "needed", lambda *_, **__: wandb)
    expected = ValueError if raises is ConnectionError else raises
    with pytest.raises(expected, match="no network"):
        export_wandb(run_dir, out=out)
    assert begun and list(tmp_path.rglob("*")) == [out] * existed
    wandb.teardown.assert_called_once_with()


def test_a_cell_that_has_not_ended_is_refused(run_dir, tmp_path):
    with pytest.raises(ValueError, match="no such cell has ended"):
        export_tensorboard(run_dir, cell=5, out=tmp_path / "events")
    assert list(tmp_path.iterdir()) == []


def test_any_name_of_a_curve_is_told(run_dir):
    (told, *_) = tracker_runs(jaxgrok.open(run_dir))
    odd = told.curves.rename(columns={"test_loss": "lambda", "train_loss": "_x"})
    _, values = next(dataclasses.replace(told, curves=odd).scalars())
    assert {"lambda", "_x"} <= values.keys()
