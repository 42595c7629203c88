"""The page of fields has a row for every field, and the one in docs is up to date."""

import subprocess
import sys
from pathlib import Path

from jaxgrok.grid import fields, fields_page

ROOT = Path(__file__).parents[2]


def rows():
    """Field → its row's default, what is allowed, and its meaning."""
    table = {}
    for line in fields_page.page().splitlines():
        if line.startswith("| `"):
            name, default, *others = line.strip("|").split("|")
            table.setdefault(name.strip(" `"), (default.strip(), *others))
    return table


def test_every_field_has_a_row():
    assert fields.every().keys() <= rows().keys()


def test_traced_fields_stand_in_the_order_of_their_axes():
    names = list(rows())
    # Those of one optimiser alone stand below its name.
    general = [row for name, row in fields.traced().items() if name in fields.general()]
    ordered = sorted(general, key=lambda field: field.axis_order)
    places = [names.index(field.name) for field in ordered]
    assert places == sorted(places)


def test_a_row_says_default_bounds_meaning_unit_and_reach():
    table = rows()
    default, bounds, meaning = table["eval_every"]
    assert (default, bounds.strip()) == ("`100`", "1 … 16777216")
    assert meaning.strip() == "steps between evaluations (steps); one value"
    assert table["seed"][0] == "`(0,)`"


def test_the_page_of_fields_is_up_to_date():
    page = subprocess.run(
        [sys.executable, "-m", "jaxgrok.grid.fields_page"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (ROOT / "docs" / "fields.md").read_text() == page
