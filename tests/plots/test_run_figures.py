"""The figures of a run are those that it has everything for."""

import pytest
from drawn import along
from matplotlib.figure import Figure

import jaxgrok
from jaxgrok.host.files.checked_files import write_table
from jaxgrok.plots import run_figures
from jaxgrok.plots.run_figures import FIGURES, figures, sweep_figures
from jaxgrok.results.run import Run
from tiny import config

REACHED = [[10, 10], [20, 20]]
CIRCUIT = {"cell": 0, "order": 7, "key_frequencies": "2", "clusters": "2:9 3:4"}

COMPARED = {"method": "Muon", "baseline": "AdamW", "ratio": 0.7, "low": 0.6}
COMPARED |= {"high": 0.8, "accelerates": True, "delays": False}


def test_only_what_there_is_to_show_is_drawn():
    calm = along("loss", ("exact", "float32"), REACHED, REACHED)
    assert list(dict(sweep_figures(calm))) == ["phase_diagram", "curves", "steps"]
    wild = along("loss", ("exact", "float32"), REACHED, REACHED, spikes=1)
    assert "spikes" in dict(sweep_figures(wild))
    no_curves = calm.drop_vars([name for name in calm if "step" in calm[name].dims])
    assert list(dict(sweep_figures(no_curves))) == ["phase_diagram"]


class CountedRun(Run):
    """A run with a path and a dataset alone, which counts how often that is read."""

    def __init__(self, path):
        self.path = path
        self.read = 0

    def dataset(self):
        self.read += 1
        return along("weight_decay", (0.1, 1.0), REACHED, REACHED)


def test_the_tables_of_a_run_are_drawn_too(tmp_path):
    run = CountedRun(tmp_path)
    assert list(dict(figures(run))) == ["phase_diagram", "curves", "steps"]
    assert run.read == 1
    crossover = {"weight_decay": 1.0, "outcome": "found"}
    crossover |= {"crossover": 5, "low": 4, "high": None}
    write_table(tmp_path / "crossover.csv", list(crossover), [crossover])
    write_table(tmp_path / "circuits.csv", list(CIRCUIT), [CIRCUIT])
    write_table(tmp_path / "compare.csv", list(COMPARED), [COMPARED])
    drawn = dict(figures(run))
    of_tables = ["crossover", "compare", "circuits"]
    assert list(drawn) == ["phase_diagram", "curves", "steps", *of_tables]
    assert drawn["compare"].get_suptitle() == "a test"
    raster = drawn["circuits"].axes[0]
    assert raster.get_xlim() == (0.5, 3.5) and len(raster.patches) == 1
    assert not set(of_tables) & set(dict(sweep_figures(run.dataset())))


@pytest.mark.usefixtures("with_figures")
def test_a_run_is_named_by_its_path_as_well(tmp_path):
    jaxgrok.run(config(steps=(10,)), tmp_path / "r", quiet=True)
    by_path = dict(figures(tmp_path / "r"))
    assert list(by_path) == ["phase_diagram", "curves"]
    files = {path.stem for path in (tmp_path / "r" / "plots").iterdir()}
    assert set(by_path) == files


def test_a_figure_is_asked_for_by_its_name(tmp_path):
    run = CountedRun(tmp_path)
    assert list(dict(figures(run, ["curves"]))) == ["curves"]
    with pytest.raises(ValueError, match="figure 'spikes': this run has no spikes; av"):
        next(figures(run, ["curves", "spikes"]))
    with pytest.raises(ValueError, match=r"'circuits': this run has no circuits\.csv"):
        next(figures(run, ["circuits"]))
    with pytest.raises(
        ValueError, match=r"'nothing': .*; available: phase_diagram, cu"
    ):
        next(figures(run, ["nothing"]))


def test_a_figure_of_ones_own_is_among_them(tmp_path, monkeypatch):
    monkeypatch.setattr(FIGURES, "_entries", dict(FIGURES._entries))

    def final_losses(dataset):
        figure = Figure()
        figure.subplots().hist(dataset["train_loss"][..., -1].values.ravel())
        return figure

    run_figures.register("final_losses", final_losses, run_figures.CURVES)
    assert list(dict(figures(CountedRun(tmp_path))))[-1] == "final_losses"
