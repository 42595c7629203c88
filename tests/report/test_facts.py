import dataclasses

import handmade

from jaxgrok.grid.grid_file import GridFile
from jaxgrok.report.facts import facts


def test_the_facts_name_the_grid_file_and_no_folder():
    grid_file = GridFile("/home/ada/sweeps/mine.py", "# see /home/ada/notes.txt", "")
    manifest = dataclasses.replace(handmade.product(), grid_file=grid_file)
    entry = facts(manifest)
    assert dict(entry["rows"])["grid file"] == "mine.py"
    assert entry["text"] == "# see notes.txt"
    assert "/home" not in str(entry)


def test_a_config_made_in_python_has_no_text():
    entry = facts(handmade.product())
    assert entry["text"] == ""
    assert "grid file" not in dict(entry["rows"])
    assert dict(entry["config"])["seed"] == "(0, 1, 2)"
