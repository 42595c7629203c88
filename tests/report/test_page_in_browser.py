"""The page in a real browser: what it shows is what the dataset says."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import jaxgrok
import reported
from jaxgrok.plots.labels import grok_text
from jaxgrok.report import page as pages
from jaxgrok.results.phase_grid import gather

pytestmark = pytest.mark.browser
playwright = pytest.importorskip(
    "playwright.sync_api", reason="no playwright: pip install 'jaxgrok[browser]'"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("no chromium: apt-get install chromium", allow_module_level=True)
READY = "html[data-ready]"
MARKUP = "</script><img src=x onerror=\"document.title='broken'\">"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def show(browser, tmp_path):
    """A function that opens a file; nothing may be said or asked for behind it."""
    problems, contexts = [], []

    def show(path, fragment="", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: problems.append(message.text))
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("request", lambda request: note(request.url))
        tab.goto(f"{path.as_uri()}{fragment}")
        tab.wait_for_selector(READY)
        return tab

    def note(url):
        if not url.startswith(("file:", "blob:", "data:")):
            problems.append(url)

    yield show
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of 18 cells in 6 squares, two of them pending."""
    folder = reported.write(tmp_path_factory.mktemp("runs") / "mine", pending=2)
    reported.page(folder)
    return jaxgrok.open(folder)


def squares(tab):
    """Row and column of every square → its phases, its number and its words."""
    nodes = tab.eval_on_selector_all(
        "[role=gridcell]",
        "nodes => nodes.map(n => [n.id, n.dataset.phases, n.dataset.value,"
        " n.getAttribute('aria-label')])",
    )
    return {
        tuple(map(int, name.split("-")[2:])): (phases, value, words)
        for name, phases, value, words in nodes
    }


def expected(dataset, **axes):
    """The same of a dataset, by the rules of the other figures."""
    grid = gather(dataset, **axes)
    result = {}
    for square in set(grid.square.tolist()):
        row, column = divmod(square, len(grid.x_values))
        counts = [(label, int(n[row, column])) for label, n in grid.counts.items()]
        text = grok_text(
            median=grid.median[row, column],
            budget=grid.budget[row, column],
            end_step=grid.end_step[row, column],
            grokked=grid.grokked[row, column],
            tested=grid.tested[row, column],
        )
        phases = " ".join(f"{label}:{count}" for label, count in counts if count)
        median = grid.median[row, column]
        value = "" if np.isnan(median) else f"{median:g}"
        result[row, column] = phases, value, text.replace("\n", ", grokked ")
    return result


def check(tab, dataset, **axes):
    shown, known = squares(tab), expected(dataset, **axes)
    assert set(shown) == set(known)
    for place, (phases, value, text) in known.items():
        assert shown[place][:2] == (phases, value)
        assert f"median grok step {text}" in shown[place][2].split("; ")


def traces(tab, panel):
    """The curves of a panel, by cell."""
    found = tab.evaluate(
        "id => document.querySelector(`#panel-${id} .plot`).data"
        ".map(t => [t.meta?.cell ?? null, t.name, t.x, t.y])",
        panel,
    )
    return [trace for trace in found if trace[0] is not None]


@pytest.mark.parametrize("seed", range(3))
def test_every_square_says_what_the_dataset_says(show, tmp_path, seed):
    path = reported.write(
        tmp_path / "run", pending=seed, draw=seed, learning_rate=(1e-3, 2e-3)
    )
    dataset = jaxgrok.load(path)
    file = reported.page(path)
    tab = show(file)
    check(tab, dataset)
    for x, y in [("train_fraction", "weight_decay"), ("seed", "learning_rate")]:
        tab = show(file, f"#x={x}&y={y}&colour=grok_step")
        check(tab, dataset, x=x, y=y)
    tab = show(file, "#at.learning_rate=0.002&at.seed=0")
    check(tab, dataset.isel(learning_rate=[1], seed=[0]))


def test_there_are_as_many_squares_as_cells_csv_has(show, tmp_path):
    path = reported.write(tmp_path / "run")
    tab = show(reported.page(path))
    table = pd.read_csv(path / "cells.csv")
    count = len(table.groupby(["weight_decay", "train_fraction"]))
    assert tab.locator("[role=gridcell]").count() == count


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
    for place in squares(tab):
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
            for cell, name, x, y in traces(tab, panel):
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


def test_the_squares_are_walked_by_the_keyboard(show, run):
    tab = show(run.path / pages.FILE)
    tab.focus("#controls")
    assert tab.locator('[role=gridcell][tabindex="0"]').count() == 1
    tab.focus('[role=gridcell][tabindex="0"]')
    focused = "document.activeElement.id"
    assert tab.evaluate(focused) == "square-0-1-0"
    walk = {"ArrowRight": "1-1", "ArrowDown": "0-1", "ArrowLeft": "0-0", "End": "0-2"}
    for key, place in walk.items():
        tab.keyboard.press(key)
        assert tab.evaluate(focused) == f"square-0-{place}"
    tab.keyboard.press("Enter")
    assert tab.locator('[aria-selected="true"]').get_attribute("id") == "square-0-0-2"
    assert tab.evaluate(focused) == "square-0-0-2"
    assert tab.locator("#tip").inner_text().startswith("train fraction 0.3")


def test_menus_and_slider_change_the_diagram_and_the_address(show, run):
    tab = show(run.path / pages.FILE)
    menus = tab.locator("#controls select")
    for measure in (
        menus.nth(2).locator("option").evaluate_all("o => o.map(x => x.value)")
    ):
        menus.nth(2).select_option(measure)
        assert f"colour={measure}" in tab.url
    menus.nth(0).select_option("seed")
    assert "x=seed" in tab.url
    slider = tab.locator("#controls input[type=range]")
    slider.fill("1")
    assert "at.weight_decay=0.1" in tab.url
    menus.nth(2).select_option("phase")
    check(tab, run.dataset().isel(weight_decay=[1]), x="seed")
    again = show(run.path / pages.FILE, "#" + tab.url.partition("#")[2])
    assert squares(again) == squares(tab)


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colour_scheme_and_fits_a_phone(show, run, scheme):
    size = {"width": 390, "height": 844}
    tab = show(run.path / pages.FILE, color_scheme=scheme, viewport=size)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    fill = "document.querySelector('.plot .bg, .plot .main-svg').style"
    assert tab.evaluate(f"{fill}.background || {fill}.fill") != ""


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_panel_is_saved_as_a_file(show, run, kind, tmp_path):
    tab = show(run.path / pages.FILE, accept_downloads=True)
    with tab.expect_download() as download:
        tab.click(f"#panel-loss button:text('{kind.upper()}')")
    saved = download.value.path().read_bytes()
    assert saved.startswith(b"\x89PNG" if kind == "png" else b"<svg")


def test_texts_are_never_markup(show, tmp_path):
    path = reported.write(tmp_path / "run", kinds=("failed", "grokking"))
    file = path / "manifest.json"
    entries = json.loads(file.read_text())
    names = {0: MARKUP, 1: "<b>1</b>", 2: "&amp;"}
    entries["dims"]["seed"] = list(names.values())
    for cell in entries["cells"]:
        cell["axes"]["seed"] = names[cell["axes"]["seed"]]
    entries["title"] = MARKUP
    text = f'"""{MARKUP}"""'
    entries["grid_file"] = {"path": "/home/ada/x.py", "text": text, "sha256": ""}
    file.write_text(json.dumps(entries))
    tab = show(reported.page(path), "#x=seed")
    assert tab.locator("img, b").count() == 0
    assert tab.title().startswith(MARKUP)
    assert tab.locator("pre").text_content() == text
    words = [words for _, _, words in squares(tab).values()]
    assert sum(MARKUP in text for text in words) == 2


def test_runs_are_compared_square_by_square_on_one_scale(show, tmp_path):
    paths = [
        reported.write(tmp_path / "one"),
        reported.write(tmp_path / "two", draw=1, seed=(1, 2, 5)),
    ]
    fragment = "#colour=grok_step&at.seed=2&open=square-0-1-1%20square-1-1-1"
    tab = show(reported.page(*paths), fragment)
    for index, path in enumerate(paths):
        dataset = jaxgrok.load(path)
        known = expected(dataset.isel(seed=[dataset.seed.values.tolist().index(2)]))
        shown = tab.eval_on_selector_all(
            f"[id^=square-{index}-]",
            "nodes => nodes.map(n => [n.id, n.dataset.phases])",
        )
        assert {tuple(map(int, name.split("-")[2:])): p for name, p in shown} == {
            place: phases for place, (phases, _, _) in known.items()
        }
    assert tab.locator('[aria-selected="true"]').count() == 2
    assert tab.locator("#members td:has-text('two')").count() == 1


@pytest.mark.parametrize(("side", "megabytes", "seconds"), [(10, 2, 1), (100, 5, 3)])
def test_a_large_run_is_small_and_soon_there(show, tmp_path, side, megabytes, seconds):
    values = tuple(np.geomspace(1e-4, 1, side).round(6).tolist())
    seeds = tuple(range(5 if side == 10 else 1))
    axes = {"weight_decay": values, "learning_rate": values, "train_fraction": (0.5,)}
    path = reported.write(tmp_path / "run", seed=seeds, **axes)
    file = reported.page(path)
    assert file.stat().st_size <= megabytes * 1e6
    tab = show(file)
    assert tab.locator("[role=gridcell]").count() == side**2
    # Several times as long where other processes have the cores.
    assert tab.evaluate("readyAfter") <= 4000 * seconds


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


def test_crossovers_lie_between_the_squares_of_their_sizes(show, tmp_path):
    path = reported.write(tmp_path / "run")
    sizes = jaxgrok.load(path).n_train.values
    few, many = sizes.min(), sizes.max()
    middle = round(float(np.sqrt(few * many)))
    table = (
        f"weight_decay,outcome,crossover,low,high\n0.1,found,{middle},{few},{many}\n"
    )
    (path / "crossover.csv").write_text(table + f"1.0,below,,,{few}\n")
    tab = show(reported.page(path))
    lines = tab.locator(".crossover")
    assert lines.count() == 2
    interval, crossover = (lines.nth(i).bounding_box() for i in range(2))
    upper, lower = (tab.locator(f"#square-0-{row}-1").bounding_box() for row in (1, 0))
    assert abs(crossover["y"] - lower["y"]) < 4
    assert abs(interval["y"] - (upper["y"] + upper["height"] / 2)) < 4
    tab.locator("#controls select").nth(1).select_option("seed")
    assert tab.locator(".crossover").count() == 0
