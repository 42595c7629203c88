"""The heads of a run directory: scores over training, heads.csv and figures."""

import csv

import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok.analyse import __main__ as analyse
from jaxgrok.analyse import induction_heads
from jaxgrok.plots.tables import read_rows

pytestmark = pytest.mark.long
NAN = float("nan")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("repeats") / "run"
    config = tiny.config(
        task="repeats",
        symbols=4,
        length=8,
        repeat_length=3,
        occurrences=2,
        layers=2,
        attention_only=True,
        train_fraction=(),
        n_train=(16,),
        test_size=32,
        seed=(0, 1),
        snapshots="all",
        snapshot_every=20,
    )
    jaxgrok.run(config, path, quiet=True)
    return path


def test_a_cell_s_heads_over_its_snapshots(run_dir):
    found = induction_heads.read_heads(run_dir, "seed=1")
    assert found.steps[0] == 0 and found.steps[-1] == 40
    for values in found.scores.values():
        assert values.shape == (len(found.steps), 2, 2)
        assert (values >= 0).all() and (values <= 1).all()
    assert (np.ptp(found.scores["induction"], axis=0) > 0).any()


def test_the_command_writes_a_table_and_a_figure(run_dir, capsys):
    assert analyse.main(["analyse", str(run_dir), "--cell", "all"]) == 0
    with open(run_dir / "heads.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 2
    assert {(row["seed"], row["layer"], row["head"]) for row in rows} == {
        (s, layer, h) for s in "01" for layer in "01" for h in "01"
    }
    assert analyse.main(["analyse", str(run_dir), "--cell", "seed=0"]) == 0
    out = capsys.readouterr().out
    assert "head 1.1: previous token" in out
    assert len(list((run_dir / "heads").glob("*seed=0.png"))) == 1


def test_the_scores_over_training_are_a_table(run_dir):
    scored = induction_heads.read_heads(run_dir, "seed=1")
    path = induction_heads.write(scored, run_dir).with_suffix(".csv")
    rows = read_rows(path)
    assert {row["cell"] for row in rows} == {1}
    assert [row["step"] for row in rows[::4]] == scored.steps.tolist()
    for name, values in scored.scores.items():
        written = np.reshape([row[name] for row in rows], values.shape)
        np.testing.assert_array_equal(written, values)


def test_the_page_of_the_run_shows_what_was_read(run_dir):
    (run_dir / "report.html").write_text("")
    assert analyse.main(["analyse", str(run_dir), "--cell", "seed=0"]) == 0
    assert (run_dir / "report.html").stat().st_size > 10_000


def test_a_head_of_a_network_that_diverged_has_no_scores():
    row = induction_heads.HeadRow(0, {"seed": 1}, 20, 0, 1, NAN, 0.5)
    entries = row.as_dict()
    assert (entries["previous_token"], entries["induction"]) == (None, 0.5)


def test_what_does_not_go_with_heads_is_one_line(run_dir, capsys):
    assert analyse.main(["analyse", str(run_dir), "--cell", "0", "--step", "20"]) == 2
    assert "--step does not go with heads" in capsys.readouterr().err


def test_a_task_without_induction_is_refused(tmp_path):
    jaxgrok.run(tiny.config(snapshots="all"), tmp_path, quiet=True)
    with pytest.raises(ValueError, match="is not solved by induction"):
        induction_heads.read_heads(tmp_path, 0)
