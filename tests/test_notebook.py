"""A notebook as users write one: a bar in the cell, all cores, plots with labels."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CELLS = [
    "import jax, jaxgrok\nfrom jaxgrok import grid",
    "config = grid.base('laptop')\n"
    "config.update(modulus=7, d_model=8, heads=2, d_head=4, d_mlp=16, eval_every=10)\n"
    "config.update(steps=(40,), train_fraction=(0.5,), seed=(0, 1, 2, 3))\n"
    "dataset = jaxgrok.run(config, out='run')",
    "print(jax.local_device_count())",
    "dataset.test_loss.isel(weight_decay=0).squeeze().mean('seed').plot();",
    "jaxgrok.open('run').cells()",
]


@pytest.mark.notebook
def test_a_notebook_trains_with_a_bar_on_all_cores_and_plots(tmp_path):
    nbclient, nbformat = (
        pytest.importorskip("nbclient"),
        pytest.importorskip("nbformat"),
    )
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    file = tmp_path / "grokking.ipynb"
    nbformat.write(notebook, file)
    notebook = nbformat.read(file, as_version=4)
    variables = dict(os.environ) | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])
    }
    # Whatever the tests have set, a user has not.
    for name in ("JAX_NUM_CPU_DEVICES", "XLA_FLAGS"):
        variables.pop(name, None)
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute(env=variables)
    imports, training, devices, plot, table = (cell.outputs for cell in notebook.cells)
    assert imports == []
    # The bar is one output, however often it was drawn, and nothing is on stderr.
    bars = [o for o in training if "━" in text_of(o)]
    assert len(bars) == 1
    assert "4/4 " in text_of(bars[0]) and "4 confusion" in text_of(bars[0])
    assert [o for o in training if o.output_type == "stream"] == []
    (count,) = devices
    assert int(count.text) == min(len(os.sched_getaffinity(0)), 16)
    assert any("image/png" in output.get("data", {}) for output in plot)
    assert any("text/html" in output.get("data", {}) for output in table)


def text_of(output):
    """What an output says in plain text."""
    return output.get("data", {}).get("text/plain", output.get("text", ""))
