"""The tutorial runs, cell by cell, and both of its forms say the same."""

import os
import re
import sys
from pathlib import Path
from unittest import mock

import nbformat
import pytest

import jaxgrok
import tiny

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import tutorial

ROOT = Path(__file__).parents[1]
NOTEBOOK = nbformat.read(tutorial.NOTEBOOK, as_version=4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
PICTURES = ROOT / "docs" / "tutorial"
BY_HAND = {"report.png"}
"""Pictures that are no output of a cell."""
QUICK = """
from jaxgrok import grid

whole = grid.base

def quick(*names):
    config = whole(*names)
    config.update(d_model=8, heads=2, d_head=4, d_mlp=16, steps=(20,))
    config.update(eval_every=10, snapshot_every=10)
    return config

grid.base = quick
"""
"""What makes every sweep of the tutorial small, in front of its first cell."""


def test_the_page_is_that_of_the_notebook():
    text, pictures = tutorial.markdown(NOTEBOOK)
    page = tutorial.NOTEBOOK.with_suffix(".md")
    assert page.read_text(encoding="utf-8") == text, "run python scripts/tutorial.py"
    for name, data in pictures.items():
        assert (ROOT / "docs" / name).read_bytes() == data
    names = {Path(name).name for name in pictures}
    assert {file.name for file in PICTURES.iterdir()} == names | BY_HAND
    assert all(f"(tutorial/{name})" in text for name in names | BY_HAND)


def test_a_page_has_code_then_its_outputs_and_pictures():
    new = nbformat.v4
    picture = new.new_output("display_data", {"image/png": "AAEC", "text/plain": "<F>"})
    words = "\x1b[32ma\x1b[0m  \n  b\n" + "long " * 30
    outputs = [new.new_output("stream", text=words), picture]
    cells = [
        new.new_markdown_cell("# Title"),
        new.new_code_cell("print(1);", id="two-lines", outputs=outputs),
    ]
    text, pictures = tutorial.markdown(new.new_notebook(cells=cells))
    assert pictures == {"tutorial/two-lines.png": b"\x00\x01\x02"}
    wrapped = "a\n  b\n" + "\n".join([" ".join(["long"] * 20), " ".join(["long"] * 10)])
    assert text == (
        f"# Title\n\n```python\nprint(1)\n```\n\n```\n{wrapped}\n```\n\n"
        "![Two lines](tutorial/two-lines.png)\n"
    )


def test_the_outputs_are_those_of_one_run_without_an_error():
    assert [cell.execution_count for cell in CODE] == [*range(1, len(CODE) + 1)]
    kinds = {output.output_type for cell in CODE for output in cell.outputs}
    assert "error" not in kinds
    streams = [o.name for c in CODE for o in c.outputs if o.output_type == "stream"]
    assert set(streams) == {"stdout"}
    # TransformerLens was there.
    assert all(cell.outputs for cell in CODE if "\nif lens:" in f"\n{cell.source}")


def test_it_is_modest():
    files = [*PICTURES.iterdir(), tutorial.NOTEBOOK]
    assert sum(file.stat().st_size for file in PICTURES.iterdir()) < 1_000_000
    assert sum(file.stat().st_size for file in files) < 1_500_000
    # Code lines, without blank ones and comments.
    lengths = [len(re.findall(r"^\s*[^\s#]", c.source, re.MULTILINE)) for c in CODE]
    assert max(lengths) <= 16


def test_a_cell_can_be_logged_to_a_tracker(tmp_path):
    (lines,) = [
        lines
        for cell in NOTEBOOK.cells
        if cell.cell_type == "markdown"
        for lines in re.findall(r"```python\n(.*?)```", cell.source, re.DOTALL)
    ]
    wandb, names = mock.MagicMock(), {}
    with mock.patch.dict(sys.modules, wandb=wandb):
        exec(lines, names)
    config = tiny.config(seed=(0, 1))
    out = tmp_path / "run"
    jaxgrok.run(config, out, blocks=1, quiet=True, on_cell=names["log"])
    seeds = [call.kwargs["config"]["seed"] for call in wandb.init.call_args_list]
    assert sorted(seeds) == [0, 1]
    logged = wandb.init.return_value.__enter__.return_value.log.call_args_list
    assert [call.kwargs["step"] for call in logged] == [0, 10, 20, 30, 40] * 2
    assert all(isinstance(call.args[0]["test_loss"], float) for call in logged)


@pytest.mark.notebook
def test_every_cell_runs_in_quick_form(tmp_path, monkeypatch):
    notebook = nbformat.read(tutorial.NOTEBOOK, as_version=4)
    count = len(notebook.cells)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(QUICK))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *sys.path]))
    monkeypatch.setenv("XLA_FLAGS", tiny.UNOPTIMISED)
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "1")
    tutorial.execute(notebook, tmp_path)
    assert len(notebook.cells) == count + 1
    outputs = {cell.id: cell.outputs for cell in notebook.cells if "outputs" in cell}
    logged = [output.text for output in outputs["run"] if "text" in output]
    assert "18 of 18" in "".join(logged)
    pictures = tutorial.markdown(notebook)[1]
    assert pictures.keys() == tutorial.markdown(NOTEBOOK)[1].keys()
    assert (tmp_path / "runs" / "tutorial" / "report.html").exists()
