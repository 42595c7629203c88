"""Tables are read in the types that they were written from."""

from jaxgrok.host.files.checked_files import write_table
from jaxgrok.plots.tables import read_circuits, read_rows


def test_values_have_their_types_back(tmp_path):
    row = {"n": 3, "decay": 0.5, "low": None, "fold": True, "outcome": "found"}
    write_table(tmp_path / "t.csv", list(row), [row])
    (read,) = read_rows(tmp_path / "t.csv")
    assert read == row
    assert [type(value) for value in read.values()] == [*map(type, row.values())]


def test_frequencies_and_clusters_are_parsed(tmp_path):
    texts = [("14 35", "14:85 35:90"), ("14", "14:85"), ("", "")]
    rows = [{"key_frequencies": keys, "clusters": sizes} for keys, sizes in texts]
    write_table(tmp_path / "t.csv", list(rows[0]), rows)
    first, second, third = read_circuits(tmp_path / "t.csv")
    assert first == {"key_frequencies": [14, 35], "clusters": {14: 85, 35: 90}}
    assert second == {"key_frequencies": [14], "clusters": {14: 85}}
    assert third == {"key_frequencies": [], "clusters": {}}
