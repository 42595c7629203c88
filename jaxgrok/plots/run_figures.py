"""The figures that a run has.

>>> for name, figure in figures("runs/mine"): ...
"""

from collections.abc import Iterator

from matplotlib.figure import Figure

from jaxgrok.plots import sweep
from jaxgrok.results.run import RunOrPath, open_run


def figures(run: RunOrPath) -> Iterator[tuple[str, Figure]]:
    """Yield every figure that a run has something for, with its name."""
    yield from sweep.figures(open_run(run).dataset())
