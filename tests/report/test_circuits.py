import json

import numpy as np
import pytest

import reported
from jaxgrok.report import circuits
from jaxgrok.report.circuits import analysed, tables
from jaxgrok.report.pack import Packer


def test_an_analysed_cell_has_its_maps_and_stages(tmp_path):
    network, circuit = reported.analyse(tmp_path, cell=3)
    packer = Packer()
    (entry,) = analysed(tmp_path, packer)
    assert entry["cell"] == 3 and entry["keys"] == [2, 5]
    maps = entry["maps"]
    assert maps["attention"]["dims"] == [4, 13, 13]
    values = reported.unpacked(maps["attention"], packer.blob({})).reshape(4, 13, 13)
    pattern = np.moveaxis(network.pattern[..., 0], -1, 0)
    np.testing.assert_allclose(values, pattern, atol=2e-3)
    assert entry["inputs"] == ["x", "y"]
    assert [neuron["frequency"] for neuron in entry["neurons"][:2]] == [2, 5]
    for neuron in entry["neurons"]:
        explained = circuit.neuron_explained[neuron["index"]]
        assert neuron["explained"] == pytest.approx(explained)
    assert entry["stages"][0][0] == "memorisation"
    assert all(len(y) == len(entry["steps"]) for _, y in entry["losses"])


def test_further_cells_are_left_out_for_want_of_room(tmp_path, monkeypatch):
    for cell in range(3):
        reported.analyse(tmp_path, cell=cell)
    (one, *_) = analysed(tmp_path, Packer())
    size = sum(np.prod(entry["shape"]) for entry in one["maps"].values())
    monkeypatch.setattr(circuits, "ROOM", int(2.5 * size))
    assert len(analysed(tmp_path, Packer())) == 2


def test_what_an_earlier_analysis_left_is_no_trouble(tmp_path):
    folder = tmp_path / "circuits" / "seed=0"
    folder.mkdir(parents=True)
    (folder / "circuit.json").write_text(json.dumps({"cell": 0}))
    assert analysed(tmp_path, Packer()) == []


@pytest.mark.parametrize("name", ["circuits", "heads"])
def test_a_table_is_shown_as_it_is(tmp_path, name):
    text = "cell,seed,step,key_frequencies,W_E_share\n0,0,100,14 35,0.5\n1,1,100,,\n"
    (tmp_path / f"{name}.csv").write_text(text)
    (table,) = tables(tmp_path)
    assert table["name"] == name
    assert table["columns"][0] == "cell"
    assert table["rows"] == [[0, 0, 100, "14 35", 0.5], [1, 1, 100, None, None]]
