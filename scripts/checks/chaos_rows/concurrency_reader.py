"""Reads of run directories that others write; what came of them, as JSON.

    python concurrency_reader.py FOLDER READS SEED > answer.json

FOLDER/current names the directory. An answer has the reads by kind, the errors, and
hashes of what was read: of every curve and snapshot, whose bits never change.
"""

import collections
import hashlib
import json
import os
import random
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT)]

import jaxgrok  # noqa: E402
from jaxgrok.analyse import survey  # noqa: E402
from jaxgrok.plots import run_figures  # noqa: E402
from jaxgrok.report import page  # noqa: E402
from jaxgrok.report.data import RunData  # noqa: E402
from jaxgrok.results.status import read_status  # noqa: E402
from jaxgrok.verify.audit import audit  # noqa: E402

STATES = ("empty", "training", "killed", "stopped", "finished")
PRUNED = re.compile("has removed the snapshots|has no snapshots; cells [0-9, ]+ have")
"""In the answer to who asks for what the sweep has pruned since it was listed."""


class Reader:
    """Reads, and remembers what it has read.

    Attributes:
        reads: by kind.
        hashes: of what has one value for ever, by its name.
        pruned: reads that were told that their snapshots are gone by now.
    """

    def __init__(self) -> None:
        self.reads: collections.Counter[str] = collections.Counter()
        self.hashes: dict[str, str] = {}
        self.pruned = 0
        self._done: dict[str, int] = {}

    def status(self, path: Path) -> None:
        status = read_status(path)
        assert status.state in STATES, status
        assert status.cells is None or status.done <= status.cells, status

    def load(self, path: Path) -> None:
        run = jaxgrok.open(path)
        assert run.dataset().phase.size == len(run)
        self._note_results(run)

    def cells(self, path: Path) -> None:
        table = jaxgrok.cells(path)
        # A cell that has ended has ended: none may go from one look to the next.
        assert len(table) >= self._done.get(str(path), 0), len(table)
        self._done[str(path)] = len(table)

    def curves(self, path: Path) -> None:
        assert set(jaxgrok.curves(path)["cell"]) <= set(range(len(jaxgrok.open(path))))

    def snapshots(self, path: Path) -> None:
        run = jaxgrok.open(path)
        for index in run.indices_with_snapshots():
            cell = run.cell(index)
            try:
                steps, params = cell.trajectory()
            except ValueError as error:
                if not PRUNED.search(str(error)):
                    raise
                self.pruned += 1
                continue
            for row, step in enumerate(steps):
                content = b"".join(params[n][row].tobytes() for n in sorted(params))
                self._note(f"{cell.cell.kin} {step}", content)

    def analyse(self, path: Path) -> None:
        run = jaxgrok.open(path)
        if run.indices_with_snapshots():
            try:
                survey.survey(run)
            except ValueError as error:
                if not PRUNED.search(str(error)):
                    raise
                self.pruned += 1

    def verify(self, path: Path) -> None:
        report = audit(path)
        assert not report.faults, str(report)

    def thresholds(self, path: Path) -> None:
        run = jaxgrok.open(path).with_thresholds(accuracy_threshold=0.5)
        assert len(run.rows()) <= len(run)

    def figures(self, path: Path) -> None:
        for _ in run_figures.figures(path, ["phase_diagram"]):
            pass

    def report(self, path: Path) -> None:
        assert page.html([RunData.of(jaxgrok.open(path))])

    def _note_results(self, run: Any) -> None:
        for result in run.results.values():
            if result.status == "done":
                self._note(result.cell_id, result.records.tobytes())

    def _note(self, name: str, content: bytes) -> None:
        """Take note of what a name holds, which never changes."""
        digest = hashlib.sha256(content).hexdigest()
        assert self.hashes.setdefault(name, digest) == digest, f"{name} has changed"


CHEAP = ("status", "load", "cells", "curves", "snapshots", "verify", "thresholds")
DEAR = ("analyse", "figures", "report")
"""One read in 50, as they take a second."""


def main(folder: Path, reads: int, seed: int) -> None:
    reader, chance, errors = Reader(), random.Random(seed), []
    # The first ones may find no cell that has ended.
    while reader.reads.total() < reads or not reader.hashes:
        kind = chance.choice(DEAR if chance.random() < 0.02 else CHEAP)
        path = folder / f"run-{int((folder / 'current').read_text() or 0)}"
        if not (path / "manifest.json").exists():
            time.sleep(0.05)
            continue
        read: Callable[[Path], None] = getattr(reader, kind)
        try:
            read(path)
        except Exception:
            errors.append([kind, traceback.format_exc()])
        reader.reads[kind] += 1
    answer = {"reads": reader.reads, "errors": errors, "hashes": reader.hashes}
    print(json.dumps(answer | {"pruned": reader.pruned}))


if __name__ == "__main__":
    # A second writer is timed beside the sweep, not beside loops that only read.
    os.nice(10)
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
