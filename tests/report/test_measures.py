import jaxgrok
import reported
from jaxgrok.report.cells import table
from jaxgrok.report.measures import read_measures

CIRCUITS = """\
cell,seed,has_circuit,key_frequencies,W_E_share,trig_loss
4,1,True,14 35,0.5,
1,1,False,,0.25,
2,2,,,,
"""
HEADS = """\
cell,step,layer,head,previous_token,induction
3,100,0,0,0.75,0.125
3,100,0,1,0.5,0.25
5,100,0,0,,0.5
"""


def measures(tmp_path, **texts):
    path = reported.write(tmp_path / "run")
    for name, text in texts.items():
        (path / f"{name}.csv").write_text(text)
    entries = read_measures(path, table(jaxgrok.load(path)))
    assert all(entry["missing"] == "not read" for entry in entries)
    return {
        entry["name"]: {i: v for i, v in enumerate(entry["values"]) if v is not None}
        for entry in entries
    }


def test_only_cells_that_were_read_have_a_value(tmp_path):
    assert measures(tmp_path, circuits=CIRCUITS) == {
        "key_frequencies": {1: 0, 4: 2},
        "circuit_W_E_share": {1: 0.25, 4: 0.5},
    }


def test_a_row_of_a_grid_that_has_grown_since_is_left_out(tmp_path):
    text = CIRCUITS + "3,2,True,1 2,0.5,\n99,1,True,1 2,0.5,\n"
    assert measures(tmp_path, circuits=text)["key_frequencies"] == {1: 0, 4: 2}


def test_a_network_s_best_head_is_its_own(tmp_path):
    assert measures(tmp_path, heads=HEADS) == {
        "heads_previous_token": {3: 0.75},
        "heads_induction": {3: 0.25, 5: 0.5},
    }


def test_without_an_analysis_there_is_nothing(tmp_path):
    assert measures(tmp_path) == {}
