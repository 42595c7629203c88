"""What was read of networks: figures of a cell, and tables."""

import numpy as np
import pytest

import reported

pytestmark = pytest.mark.browser


def test_an_analysed_cell_shows_its_circuit(show, tmp_path):
    path = reported.write(tmp_path / "run")
    network, circuit = reported.analyse(path, cell=4)
    (path / "circuits.csv").write_text("cell,step,W_E_share\n4,100,0.5\n1,100,0.9\n")
    tab = show(reported.page(path))
    tab.click("#tables summary")
    tab.click("#tables button:text('W E share')")
    cells = "rows => rows.map(row => row.cells[0].textContent)"
    assert tab.eval_on_selector_all("#tables tr:has(td)", cells) == ["4", "1"]
    tab.click("#tables button:text('W E share')")
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
