"""Read the tables of a run directory that figures are drawn from.

>>> read_rows("runs/mine/crossover.csv")
[{'weight_decay': 1.0, 'outcome': 'found', 'crossover': 512, ...}]
"""

import csv
import io
from collections.abc import Mapping
from typing import Any

from jaxgrok.host.files import checked_files
from jaxgrok.host.files.paths import UserPath, as_path
from jaxgrok.results.files import index


def read_rows(path: UserPath) -> list[dict[str, Any]]:
    """Return the rows of a table, their values as numbers, truth values or None.

    Raises:
        ValueError: it is damaged.
    """
    # Not read_text, which would turn a \r inside a value into the end of a line.
    text = checked_files.read(as_path(path)).decode()
    with io.StringIO(text, newline="") as lines:
        return [_parse_row(row) for row in csv.DictReader(lines)]


def read_checked(run_dir: UserPath, name: str) -> list[dict[str, Any]]:
    """Return the rows of a table of a run directory.

    Raises:
        ValueError: it is damaged.
    """
    path = as_path(run_dir)
    if fault := index.table_words(path, name):
        raise ValueError(fault)
    return read_rows(path / name)


def _parse_row(row: Mapping[str, str]) -> dict[str, Any]:
    return {name: _value(text) for name, text in row.items()}


def _value(text: str) -> Any:
    """Return a value of a table in the type that it was written from."""
    # In this order: every int would be read as a float.
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"": None, "True": True, "False": False}.get(text, text)


def read_circuits(path: UserPath) -> list[dict[str, Any]]:
    """Return the rows of circuits.csv, with `key_frequencies` and `clusters` parsed.

    They are written as 14 35 41 and, frequency:neurons, as 14:85 35:90 41:80.
    """
    rows = read_rows(path)
    for row in rows:
        row["key_frequencies"] = [int(k) for k in _words(row["key_frequencies"])]
        pairs = [word.split(":") for word in _words(row["clusters"])]
        row["clusters"] = {int(k): int(neurons) for k, neurons in pairs}
    return rows


def _words(value: Any) -> list[str]:
    """Split a value of a table; one number was read as such, none as None."""
    return [] if value is None else str(value).split()
