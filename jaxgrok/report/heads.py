"""The scores of attention heads over training, for the page: heads/*.csv of a run.

>>> heads(Path("runs/mine"), packer)[0]["heads"]
['0.0', '0.1', '1.0', '1.1']
"""

from typing import Any

import numpy as np

from jaxgrok.circuits.induction_heads import SCORES
from jaxgrok.host.files.paths import AnyPath, matches
from jaxgrok.plots.tables import read_rows
from jaxgrok.report.pack import Packer

ROOM = 300_000
"""Scores of all cells, at most; further cells have none."""


def heads(folder: AnyPath, packer: Packer) -> list[dict[str, Any]]:
    """Return the scores of every cell whose heads were read; they go to the packer."""
    entries, room = [], ROOM
    for path in matches(folder / "heads", "*.csv"):
        rows = read_rows(path)
        room -= len(rows) * len(SCORES)
        if not rows or room < 0:
            continue
        names = list(dict.fromkeys(f"{row['layer']}.{row['head']}" for row in rows))
        steps = [row["step"] for row in rows[:: len(names)]]
        maps = {name: _packed(rows, name, len(names), packer) for name in SCORES}
        entries.append(
            {
                "cell": rows[0]["cell"],
                "step": steps[-1],
                "steps": steps,
                "heads": names,
                "maps": maps,
            }
        )
    return entries


def _packed(
    rows: list[dict[str, Any]], name: str, count: int, packer: Packer
) -> dict[str, Any]:
    """Pack a score [1, heads, snaps]; what is not finite has none."""
    scores = [np.nan if row[name] is None else row[name] for row in rows]
    return packer.add(np.reshape(scores, (-1, count)).T[None], log=False)
