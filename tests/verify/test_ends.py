"""Every planned cell has an end, with its cause."""

import pytest
from handmade import product, result

from jaxgrok.results.rows import table
from jaxgrok.verify.ends import End, ends


@pytest.mark.parametrize(
    ("is_search", "last"),
    [
        (False, End(5, "unfinished", "it has no result")),
        (True, End(5, "unasked", "the search did not ask for it")),
    ],
)
def test_every_cell_has_one(is_search, last):
    manifest = product()
    one, two, three, four, five, _ = manifest.cells
    results = [
        result(one),
        result(two, status="diverged", cause="loss not finite"),
        result(three, status="stopped", cause="answered"),
        result(four, evals=0, status="failed", cause="no memory"),
        result(five, tag=1.0),
    ]
    rows = table(manifest, {r.cell_id: r for r in results})
    again = ends(manifest, rows, {one.id}, is_search=is_search)
    assert again[0] == End(0, "unfinished", "it is trained again for snapshots")
    found = ends(manifest, rows, is_search=is_search)
    assert again[1:] == found[1:]
    assert [end.cell for end in found] == [0, 1, 2, 3, 4, 5]
    assert found[0].how == "censored"
    assert found[0].cause.startswith("no grokking within ")
    assert found[1:4] == [
        End(1, "diverged", "loss not finite"),
        End(2, "stopped", "answered"),
        End(3, "failed", "no memory"),
    ]
    assert found[4] == End(4, "done")
    assert found[5] == last
