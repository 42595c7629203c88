"""The figures of a run directory: what is on disk, drawn anew and returned."""

import pytest
from handmade import all_results, product, write

import jaxgrok
from jaxgrok.results.files import cell_table
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep import figures

pytestmark = pytest.mark.usefixtures("with_figures")


@pytest.fixture
def drawn(monkeypatch):
    """Names of the figures in place of their drawing, which takes seconds."""
    monkeypatch.setattr(figures, "sweep_figures", lambda _: [("a", 1), ("b", 2)])
    monkeypatch.setattr(
        figures, "save", lambda figure, file: file.write_text(f"{figure}")
    )


def redraw(path, manifest, results):
    write(path, manifest, results)
    with RunDirectory(path) as directory:
        ledger = Ledger(directory, manifest, directory.results())
        return figures.redraw(directory, ledger)


def test_it_returns_what_is_on_disk(drawn, tmp_path):
    manifest = product()
    dataset = redraw(tmp_path, manifest, all_results(manifest)[:4])
    assert dataset.identical(jaxgrok.load(tmp_path))
    assert (dataset.status == "done").sum() == 4


def test_every_figure_is_a_file_and_an_old_one_is_replaced(drawn, tmp_path):
    manifest = product()
    for _ in range(2):
        redraw(tmp_path, manifest, all_results(manifest))
        files = {file.name: file.read_text() for file in (tmp_path / "plots").iterdir()}
        assert files == {"a.png": "1", "b.png": "2"}
        (tmp_path / "plots" / "a.png").write_text("old")


def test_the_page_says_how_far_the_run_is(drawn, tmp_path):
    manifest = product()
    redraw(tmp_path, manifest, all_results(manifest)[:4])
    first = (tmp_path / "report.html").read_bytes()
    redraw(tmp_path, manifest, all_results(manifest))
    assert first.startswith(b"<!doctype html>")
    assert (tmp_path / "report.html").read_bytes() != first


def test_of_a_large_run_rows_are_drawn_and_no_curves(tmp_path, monkeypatch):
    monkeypatch.setattr(cell_table, "MANY", 4)
    manifest = product()
    dataset = redraw(tmp_path, manifest, all_results(manifest))
    whole = jaxgrok.load(tmp_path)
    assert not {"test_loss", "train_loss"} & dataset.keys()
    for name in ("phase", "status", "final_test_loss", "computed_with", "n_train"):
        assert dataset[name].identical(whole[name])
    assert [file.name for file in (tmp_path / "plots").iterdir()] == [
        "phase_diagram.png"
    ]
    assert not (tmp_path / "report.html").exists()
