"""The example of docs/compare.md runs, from the grid file to the frame."""

import re
import runpy
from pathlib import Path

import jaxgrok
import tiny
from jaxgrok.training.optimisers import OPTIMISERS

PAGE = Path(__file__).parent.parent / "docs" / "compare.md"
GRID_FILE, IN_PYTHON = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # What the page registers is gone after the test.
    monkeypatch.setattr(OPTIMISERS, "_entries", dict(OPTIMISERS))
    Path("nesterov.py").write_text(GRID_FILE)
    config = runpy.run_path("nesterov.py")["get_config"]("laptop")
    assert len(config.seed) == 16
    small = tiny.config(seed=tuple(range(5)), steps=(30,))
    small.update(optimiser=config.optimiser, train_fraction=config.train_fraction)
    jaxgrok.run(small, "runs/nesterov-laptop", quiet=True)
    names = {}
    exec(IN_PYTHON, names)
    frame = names["frame"]
    assert list(frame.method) == ["nadamw", "nadamw"]
    assert list(frame.train_fraction) == [0.6, 0.7]
    assert (frame.seeds == 5).all()
