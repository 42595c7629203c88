import jaxgrok
import reported
from jaxgrok.report.boundaries import boundaries
from jaxgrok.results.dataset import column_of


def test_a_row_says_where_its_setting_lies_among_the_values(tmp_path):
    path = reported.write(tmp_path)
    text = (
        "weight_decay,outcome,crossover,low,high\n0.1,found,20,10,30\n0.0,below,,,10\n"
    )
    (path / "crossover.csv").write_text(text)
    dataset = jaxgrok.load(path)
    entry = boundaries(path, dataset)
    first, second = entry["rows"]
    assert first == {"at": {"weight_decay": 1}, "crossover": 20, "low": 10, "high": 30}
    assert second["at"] == {"weight_decay": 0} and second["crossover"] is None
    assert entry["n_train"] == column_of(dataset, "n_train").tolist()


def test_a_setting_that_no_cell_has_is_left_out(tmp_path):
    path = reported.write(tmp_path)
    text = "weight_decay,outcome,crossover,low,high\n7.0,found,20,10,30\n"
    (path / "crossover.csv").write_text(text)
    assert boundaries(path, jaxgrok.load(path))["rows"] == []


def test_a_run_without_a_search_has_none(tmp_path):
    path = reported.write(tmp_path)
    assert boundaries(path, jaxgrok.load(path)) == {"rows": [], "n_train": []}
