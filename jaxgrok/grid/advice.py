"""Warnings about a grid that can be trained, but cannot say what it is to say.

>>> advice(grid)
['warning: steps=2000 is fewer than hold=3 evaluations, …']
"""

from jaxgrok.fields.values import listed
from jaxgrok.grid.cells import Grid


def advice(grid: Grid) -> list[str]:
    """Return a line for each warning, to be read before anything is trained."""
    every, hold = grid.config["eval_every"], grid.config["hold"]
    # No count of the evaluation at step 0: nothing is learned there.
    budgets = {cell.lane["steps"] for cell in grid.cells}
    short = sorted(steps for steps in budgets if steps // every < hold)
    if not short:
        return []
    names = listed(map(str, short))
    return [
        f"warning: steps={names} is fewer than hold={hold} evaluations, one every "
        f"eval_every={every} steps: no such cell can count as memorised or grokked; "
        "take more steps, a smaller eval_every or a smaller hold"
    ]
