"""The trainings behind a square: their curves, their line of Python, their files."""

import json

import numpy as np
import pandas as pd
import pytest

import browsed
from jaxgrok.report import page as pages

pytestmark = pytest.mark.browser


def test_a_grokked_square_is_open_and_a_click_opens_another(show, run):
    tab = show(run.path / pages.FILE)
    first = tab.locator('[aria-selected="true"]')
    assert "grokking" in first.get_attribute("data-phases")
    tab.click("#square-0-0-0")
    assert tab.locator('[aria-selected="true"]').get_attribute("id") == "square-0-0-0"
    tab.click("#square-0-1-1", modifiers=["Shift"])
    assert tab.locator('[aria-selected="true"]').count() == 2


def test_the_curves_of_an_opened_square_end_with_the_values_of_cells_csv(show, run):
    tab = show(run.path / pages.FILE)
    table = pd.read_csv(run.path / "cells.csv", index_col="cell")
    dataset = run.dataset()
    for place in browsed.squares(tab):
        tab.click(f"#square-0-{place[0]}-{place[1]}")
        cells = {
            int(i)
            for i in tab.eval_on_selector_all(
                "[data-cell]", "rows => rows.map(row => row.dataset.cell)"
            )
        }
        tab.wait_for_function(
            "cells => document.querySelector('#panel-accuracy .plot').data"
            ".every(t => !t.meta?.cell || cells.includes(t.meta.cell))",
            arg=list(cells),
        )
        seen = set()
        for panel in ("loss", "accuracy"):
            for cell, name, x, y in browsed.traces(tab, panel):
                row = table.loc[cell]
                column = f"{name.split(',')[0]}_{panel}"
                assert np.float32(y[-1]) == np.float32(row[column])
                assert x[-1] == row["steps"]
                seen.add(cell)
                curve = dataset[column].values.reshape(len(run), -1)[cell]
                steps = dataset.step.values.tolist()
                known = [curve[steps.index(step)] for step in x]
                np.testing.assert_allclose(y, known, rtol=5e-3, atol=2e-4)
        assert seen == cells & set(table.index[table.steps > 0])


def test_the_button_copies_what_opens_the_cell(show, run):
    tab = show(run.path / pages.FILE)
    texts = tab.eval_on_selector_all(
        "[data-copies]", "b => b.map(x => x.dataset.copies)"
    )
    cells = tab.eval_on_selector_all("[data-cell]", "r => r.map(x => x.dataset.cell)")
    for text, cell in zip(texts, cells, strict=True):
        word = text.partition(".cell(")[2].removesuffix(")")
        assert run.cell(json.loads(word)).index == int(cell)
    tab.locator("[data-copies]").first.click()
    tab.wait_for_selector("text=copied")


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_panel_is_saved_as_a_file(show, run, kind, tmp_path):
    tab = show(run.path / pages.FILE, accept_downloads=True)
    with tab.expect_download() as download:
        tab.click(f"#panel-loss button:text('{kind.upper()}')")
    saved = download.value.path().read_bytes()
    assert saved.startswith(b"\x89PNG" if kind == "png" else b"<svg")


def test_of_several_squares_one_entry_of_a_panel_is_drawn(show, run):
    entries = "#panel-norms select option"
    tab = show(run.path / pages.FILE, "#open=square-0-1-0")
    assert tab.locator(entries).first.inner_text() == "each"
    tab.click("#square-0-0-1", modifiers=["Shift"])
    assert tab.locator(entries).all_inner_texts()[:2] == [
        "all together",
        "blocks.0.attn.W_K",
    ]


def test_of_one_square_every_training_has_a_spectrum_of_its_own(show, run):
    tab = show(run.path / pages.FILE, "#open=square-0-1-0")
    assert spectra(tab) == ["seed 0", "seed 1", "seed 2"]
    tab.click("#square-0-0-1", modifiers=["Shift"])
    tab.wait_for_function(
        "document.querySelector('#panel-spectrum .plot').data.length == 2"
    )
    title = tab.eval_on_selector(
        "#panel-spectrum .plot", "plot => plot.layout.yaxis.title.text"
    )
    assert title.endswith(", median")


def spectra(tab):
    """The names of what the spectrum's panel draws."""
    tab.wait_for_function("document.querySelector('#panel-spectrum .plot')?.data")
    return tab.eval_on_selector(
        "#panel-spectrum .plot", "plot => plot.data.map(trace => trace.name)"
    )
