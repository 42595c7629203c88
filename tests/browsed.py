"""What a page in a browser shows, and what a dataset says it has to show."""

import numpy as np

from jaxgrok.plots.labels import grok_text
from jaxgrok.results.phase_grid import gather


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
