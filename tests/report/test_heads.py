import numpy as np

import reported
from jaxgrok.report import heads as module
from jaxgrok.report.heads import heads
from jaxgrok.report.pack import Packer

TEXT = """\
cell,step,layer,head,previous_token,induction
2,0,0,0,0.0,0.5
2,0,1,0,0.25,0.5
2,50,0,0,0.5,0.5
2,50,1,0,0.75,
2,100,0,0,1.0,0.5
2,100,1,0,0.5,0.0
"""


def write(folder, name):
    (folder / "heads").mkdir(exist_ok=True)
    (folder / "heads" / f"{name}.csv").write_text(TEXT)


def test_a_head_has_a_curve_of_each_score(tmp_path):
    write(tmp_path, "seed=0")
    packer = Packer()
    (entry,) = heads(tmp_path, packer)
    assert entry["cell"] == 2 and entry["step"] == 100
    assert entry["steps"] == [0, 50, 100] and entry["heads"] == ["0.0", "1.0"]
    blob = packer.blob({})
    scores = {
        name: reported.unpacked(each, blob)[0] for name, each in entry["maps"].items()
    }
    known = [[0, 0.5, 1], [0.25, 0.75, 0.5]]
    np.testing.assert_allclose(scores["previous_token"], known, atol=1e-3)
    assert scores["induction"][1][1] < 0  # missing: below the lowest


def test_further_cells_are_left_out_for_want_of_room(tmp_path, monkeypatch):
    for name in "abc":
        write(tmp_path, name)
    monkeypatch.setattr(module, "ROOM", 2 * 12)
    assert len(heads(tmp_path, Packer())) == 2


def test_a_run_without_scores_has_none(tmp_path):
    assert heads(tmp_path, Packer()) == []
