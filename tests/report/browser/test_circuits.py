"""What was read of networks: figures of a cell, colours of squares, and tables."""

import numpy as np
import pytest

import reported
from jaxgrok.fourier import basis

pytestmark = pytest.mark.browser


def test_an_analysed_cell_shows_its_circuit(show, tmp_path):
    path = reported.write(tmp_path / "run")
    network, circuit = reported.analyse(path, cell=4)
    (path / "circuits.csv").write_text("cell,step,W_E_share\n4,100,0.5\n1,100,0.9\n")
    tab = show(reported.page(path))
    tab.click("#tables summary")
    tab.click("#tables button:text('W_E share')")
    cells = "rows => rows.map(row => row.cells[0].textContent)"
    assert tab.eval_on_selector_all("#tables tr:has(td)", cells) == ["4", "1"]
    tab.click("#tables button:text('W_E share')")
    assert tab.eval_on_selector_all("#tables tr:has(td)", cells) == ["1", "4"]
    tab.click("[aria-label='open cell 4']")
    tab.wait_for_function("document.querySelector('#panel-circles .plot')?.data")
    data = "id => document.querySelector(`#panel-${id} .plot`).data[0]"
    attention = np.array(tab.evaluate(data, "attention")["z"])
    np.testing.assert_allclose(attention.T, network.pattern[..., 0, 0], atol=2e-3)
    tab.locator("#panel-attention select").select_option("2")
    tab.wait_for_timeout(300)
    attention = np.array(tab.evaluate(data, "attention")["z"])
    np.testing.assert_allclose(attention.T, network.pattern[..., 2, 0], atol=2e-3)
    tab.locator("#panel-embedding input").fill("40")
    tab.wait_for_timeout(300)
    norms = tab.evaluate(data, "embedding")["y"]
    np.testing.assert_allclose(norms, circuit.W_E_norms, rtol=0.02, atol=0.01)
    tab.click("#square-0-0-2")
    tab.wait_for_function("!document.querySelector('#circuits').children.length")


DATA = "id => document.querySelector(`#panel-${id} .plot`).data"
DRAWN = "id => document.querySelector(`#panel-${id} .plot`)?.data"


def test_beside_a_map_stand_its_fourier_components(show, tmp_path):
    path = reported.write(tmp_path / "run")
    network, circuit = reported.analyse(path, cell=4)
    tab = show(reported.page(path), "#in.attention.entry=1&open=square-0-1-0")
    tab.wait_for_function(DRAWN, arg="neurons-terms")
    parts = np.array(circuit.attention_2d[1])
    parts[0, 0] = 0
    (map_,) = tab.evaluate(DATA, "attention-terms")
    rows = [0, 3, 4, 9, 10]  # the constant, then frequencies 2 and 5
    assert map_["x"] == ["1", "cos 2", "sin 2", "cos 5", "sin 5"]
    np.testing.assert_allclose(
        np.array(map_["z"]).T, parts[np.ix_(rows, rows)], atol=0.01
    )
    assert map_["zmax"] == pytest.approx(abs(circuit.attention_2d[:, 1:]).max(), 0.01)
    words = tab.locator("#panel-attention-terms h3").inner_text()
    share = (parts[np.ix_(rows, rows)] ** 2).sum() / (parts**2).sum()
    assert words == f"key terms: {share:.0%}"
    tab.locator("#panel-neurons-terms select").select_option("all")
    tab.wait_for_function(f"id => ({DATA})(id)[0].z.length === 13", arg="neurons-terms")
    (map_,) = tab.evaluate(DATA, "neurons-terms")
    menu = tab.locator("#panel-neurons select option").first.inner_text()
    values = network.neurons[..., int(menu.split()[0])]
    known = basis.transform_2d(values - values.mean())
    np.testing.assert_allclose(np.array(map_["z"]).T, known, atol=0.02)


def test_of_several_analysed_cells_a_menu_picks_one(show, tmp_path):
    path = reported.write(tmp_path / "run")
    for cell in (3, 4):
        reported.analyse(path, cell=cell)
    tab = show(reported.page(path), "#open=square-0-1-0")
    assert "of cell 3," in tab.locator("#circuits h2").inner_text()
    tab.locator("#circuits select").first.select_option("seed 1")
    assert "of cell 4," in tab.locator("#circuits h2").inner_text()
    again = show(path / "report.html", "#" + tab.url.partition("#")[2])
    assert "of cell 4," in again.locator("#circuits h2").inner_text()


def test_a_slider_draws_its_own_panel_alone(show, tmp_path):
    path = reported.write(tmp_path / "run")
    reported.analyse(path, cell=4)
    tab = show(reported.page(path), "#open=square-0-1-0")
    tab.wait_for_function(DRAWN, arg="neurons-terms")
    tab.evaluate("""() => {
      window.drawn = [];
      for (const node of document.querySelectorAll(".plot"))
        node.on("plotly_afterplot", () => drawn.push(node.parentElement.id));
    }""")
    tab.locator("#panel-embedding input").fill("3")
    tab.wait_for_function("drawn.length")
    tab.wait_for_timeout(300)
    assert set(tab.evaluate("drawn")) == {"panel-embedding"}


HEADS = """\
cell,step,layer,head,previous_token,induction
4,0,0,0,0.0,0.5
4,0,1,0,0.25,0.5
4,100,0,0,1.0,0.5
4,100,1,0,0.5,0.0
"""


def test_the_scores_of_heads_are_curves_over_training(show, tmp_path):
    path = reported.write(tmp_path / "run")
    (path / "heads").mkdir()
    (path / "heads" / "seed=1.csv").write_text(HEADS)
    tab = show(reported.page(path), "#open=square-0-1-0")
    assert "attention heads of cell 4" in tab.locator("#circuits h2").inner_text()
    tab.wait_for_function(DRAWN, arg="induction")
    traces = tab.evaluate(DATA, "previous_token")
    assert [trace["name"] for trace in traces] == ["0.0: 1.00", "1.0: 0.50"]
    assert [trace["x"] for trace in traces] == [[0, 100]] * 2
    np.testing.assert_allclose(
        [t["y"] for t in traces], [[0, 1], [0.25, 0.5]], atol=1e-3
    )


def test_squares_are_coloured_by_what_was_read(show, tmp_path):
    paths = [reported.write(tmp_path / name) for name in ("one", "two")]
    text = "cell,has_circuit,key_frequencies,W_E_share\n4,True,14 35,0.5\n"
    (paths[0] / "circuits.csv").write_text(text)
    tab = show(reported.page(*paths), "#colour=key_frequencies")
    read = tab.locator('[role=gridcell][data-value="2"]')
    assert read.evaluate_all("nodes => nodes.map(n => n.id)") == ["square-0-1-0"]
    labels = "nodes => nodes.map(node => node.getAttribute('aria-label'))"
    words = tab.eval_on_selector_all("[role=gridcell]", labels)
    missing = [text for text in words if text.endswith("key frequencies not read")]
    assert len(words) == 12 and len(missing) == 11
    assert "not read" in tab.locator("#legend").inner_text()
    tab.locator("#controls select").nth(2).select_option("circuit_W_E_share")
    assert tab.locator('[role=gridcell][data-value="0.5"]').count() == 1
