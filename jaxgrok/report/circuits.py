"""What was read of the networks of a run, for its page: tables, and figures' arrays.

>>> tables(Path("runs/mine"))[0]["name"]
'circuits'
"""

import json
from typing import Any

import numpy as np

from jaxgrok.host.files import checked_files
from jaxgrok.host.files.packed_files import packed
from jaxgrok.host.files.paths import AnyPath, matches
from jaxgrok.plots import style
from jaxgrok.plots.tables import read_rows
from jaxgrok.report.pack import Packer, listed
from jaxgrok.report.texts import sendable

TABLES = ("circuits", "heads")
"""Tables of a run directory that the page shows whole."""
MOST_ROWS = 2_000
ROOM = 1_000_000
"""Values of the arrays of all analysed cells, at most; further cells have none."""
MAPS = ("attention", "neurons", "circles", "W_E_norms_over_training")
LOSSES = {
    "train_loss": "train",
    "test_loss": "test",
    "excluded_loss_2d_full": "excluded",
    "trig_loss_all": "trig, all pairs",
    "trig_loss_train": "trig, train",
    "trig_loss_test": "trig, test",
}
"""Loss over training → its name in the legend."""


def tables(folder: AnyPath) -> list[dict[str, Any]]:
    """Return the tables that there are: `name`, `columns` and `rows`."""
    entries = []
    for name in TABLES:
        path = folder / f"{name}.csv"
        if not path.exists():
            continue
        rows = read_rows(path)[:MOST_ROWS]
        columns = list(rows[0]) if rows else []
        lines = [[_entry(row[column]) for column in columns] for row in rows]
        entries.append({"name": name, "columns": columns, "rows": lines})
    return entries


def _entry(value: Any) -> Any:
    """Return an entry of a table as JSON has it."""
    if isinstance(value, str):
        return sendable(value)
    return listed(np.array([value]))[0] if isinstance(value, float) else value


def analysed(folder: AnyPath, packer: Packer) -> list[dict[str, Any]]:
    """Return what the figures of every analysed cell show; maps go to the packer."""
    entries, room = [], ROOM
    for path in matches(folder / "circuits", "*/circuit.json"):
        arrays = path.with_name("figures.npz")
        circuit = json.loads(checked_files.read(path))
        if not arrays.exists() or "cell" not in circuit:
            continue
        with packed(arrays, "run jaxgrok analyse again") as (head, values):
            size = sum(values[name].size for name in MAPS if name in values)
            if size > room:
                continue
            room -= size
            entries.append(_figures(circuit, head, dict(values), packer))
    return entries


def _figures(
    circuit: dict[str, Any], head: Any, arrays: dict[str, np.ndarray], packer: Packer
) -> dict[str, Any]:
    """Return the figures of one cell."""
    # A map is packed row by row: neighbours along y are alike.
    maps = {
        name: packer.add(arrays[name].reshape(1, -1, arrays[name].shape[-1]), log=False)
        | {"dims": list(arrays[name].shape)}
        for name in MAPS
        if name in arrays
    }
    losses = [
        [label, listed(arrays[name])]
        for name, label in LOSSES.items()
        if name in arrays
    ]
    stages = circuit.get("stages") or {}
    return {
        "cell": circuit["cell"],
        "step": circuit["step"],
        "verdict": sendable(str(circuit["verdict"])),
        "key_frequencies": circuit["key_frequencies"],
        "keys": head["keys"],
        "inputs": head["inputs"],
        "neurons": [_neuron(circuit, i) for i in head["neurons"]],
        "W_E_norms": listed(arrays["W_E_norms"]),
        "steps": arrays["steps"].tolist() if "steps" in arrays else [],
        "losses": losses,
        "stages": [
            [name.replace("_", "-"), colour, *stages[name]]
            for name, colour in style.STAGE_COLOURS.items()
            if stages.get(name)
        ],
        "maps": maps,
    }


def _neuron(circuit: dict[str, Any], index: int) -> dict[str, Any]:
    """Return a neuron that has a map: its best frequency, and what that explains."""
    return {
        "index": index,
        "frequency": circuit["neuron_frequency"][index],
        "explained": listed(np.array(circuit["neuron_explained"][index], float))[0],
    }
