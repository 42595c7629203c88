"""A page can be sent: no text of a run is markup, and it is small."""

import numpy as np
import pytest
from handmade import rewrite

import browsed
import reported
from jaxgrok.results.files import manifest_file

pytestmark = pytest.mark.browser
MARKUP = "</script><img src=x onerror=\"document.title='broken'\">"


def test_texts_are_never_markup(show, tmp_path):
    path = reported.write(tmp_path / "run", kinds=("failed", "grokking"))
    entries = manifest_file.read(path)
    names = {0: MARKUP, 1: "<b>1</b>", 2: "&amp;"}
    entries["dims"]["seed"] = list(names.values())
    for cell in entries["cells"]:
        cell["axes"]["seed"] = names[cell["axes"]["seed"]]
    entries["title"] = MARKUP
    text = f'"""{MARKUP}"""'
    entries["grid_file"] = {"path": "/home/ada/x.py", "text": text, "sha256": ""}
    rewrite(path, **entries)
    tab = show(reported.page(path), "#x=seed")
    assert tab.locator("img, b").count() == 0
    assert tab.title().startswith(MARKUP)
    assert tab.locator("pre").text_content() == text
    words = [words for _, _, words in browsed.squares(tab).values()]
    assert sum(MARKUP in text for text in words) == 2


@pytest.mark.parametrize(
    ("side", "megabytes", "seconds"),
    [(10, 2, 1), (50, 3, 2), pytest.param(100, 5, 3, marks=pytest.mark.slow)],
)
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
