"""Result shards: immutable files that hold the curves of finished cells.

>>> results = read_results(run_dir)           # {cell id: Result}
"""

import json
import zipfile
from pathlib import Path

import numpy as np

from jaxgrok.results.rows import Result

FACTS = ("cell", "status", "block_width", "cause")
"""What a shard tells of a cell, besides its records and their columns."""


def read_results(path: Path) -> dict[str, Result]:
    """Results of all shards, in the order they were written; a later one wins."""
    found: dict[str, Result] = {}
    for file in sorted((path / "curves").glob("*.npz")):
        try:
            found |= _read_shard(file)
        except (zipfile.BadZipFile, ValueError, KeyError, EOFError):
            raise ValueError(
                f"{file} is damaged; remove it, and the same command trains its cells "
                "again"
            ) from None
    return found


def _read_shard(file: Path) -> dict[str, Result]:
    found = {}
    with open(file, "rb") as opened, np.load(opened) as shard:
        head = json.loads(str(shard["head"]))
        for number, kind in enumerate(head):
            records, start = shard[f"records-{number}"], 0
            for facts in kind["cells"]:
                end = start + facts.pop("evals")
                columns = tuple(kind["columns"])
                result = Result(columns=columns, records=records[start:end], **facts)
                found[result.cell], start = result, end
    return found
