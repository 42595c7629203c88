"""The run directory: its lock, manifest and tables, and which grids fit it.

Nothing is appended or overwritten in place: files are written under a temporary name,
fsynced and renamed. Curves are in `shards`, snapshots in `snapshots`, what is in
flight in `resume`.

    >>> with RunDirectory("runs/wd_vs_frac-laptop") as directory:
    ...     manifest, results = adopt(directory, describe(grid))
    ...     directory.write_manifest(manifest)
"""

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from filelock import FileLock, Timeout

from jaxgrok.grid.cells import Cell
from jaxgrok.host.atomic_files import write_atomically
from jaxgrok.host.paths import as_path
from jaxgrok.results.dataset import Rows, assemble
from jaxgrok.results.manifest import Manifest, read_manifest
from jaxgrok.results.rows import CellRow, ComponentRow, write_tables
from jaxgrok.results.shards import OVER, Result, read_results, write_results


class RunDirectory:
    """A locked run directory, open for writing by this process alone.

    Args:
        path: a folder that is new, empty or a run directory. It is made, and locked,
            on entering the context.

    Raises:
        ValueError: on entering, for any other path, one that cannot be written, and
            one that another process holds.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = as_path(path).resolve()
        # The system drops the lock with the process; the holder's file is for people.
        self._lock = FileLock(self.path / ".lock")
        self._holder = self.path / ".lock.holder"

    def __enter__(self) -> "RunDirectory":
        _check_free(self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._holder.write_bytes(b"process %d" % os.getpid())
        except Timeout:
            holder = "another process"
            if self._holder.exists():
                holder = self._holder.read_bytes().decode()
            raise ValueError(
                f"out={self.path} is held by a running sweep ({holder}); wait for it, "
                "or choose another folder with --out"
            ) from None
        except OSError as error:
            self._lock.release()
            raise ValueError(
                f"out={self.path} cannot be written ({error.strerror}); "
                "choose another folder with --out"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.unlink(missing_ok=True)
        self._lock.release()

    def manifest(self) -> Manifest | None:
        """Return the manifest, or None if the directory is new."""
        is_new = not (self.path / "manifest.json").exists()
        return None if is_new else read_manifest(self.path)

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest: a line an entry, and a line an item of its lists."""
        entries = [
            f'"{name}": {_lines(value)}' for name, value in manifest.to_json().items()
        ]
        text = "{\n " + ",\n ".join(entries) + "\n}\n"
        write_atomically(self.path / "manifest.json", text.encode())

    def results(self) -> dict[str, Result]:
        """Return every cell that has ended, by id."""
        return read_results(self.path)

    def write_results(self, results: Iterable[Result]) -> None:
        """Add one immutable shard with these results."""
        write_results(self.path, results)

    def assemble(self, rows: Rows) -> xr.Dataset:
        """Return what `jaxgrok.load` returns, from rows that are made already."""
        return assemble(read_manifest(self.path), self.results(), rows)

    def write_tables(
        self,
        manifest: Manifest,
        rows: Iterable[CellRow],
        component_rows: Sequence[ComponentRow] = (),
    ) -> None:
        """Rewrite cells.csv and, where there are components, components.csv."""
        write_tables(self.path, manifest.axes, rows, component_rows)


def adopt(
    directory: RunDirectory, manifest: Manifest
) -> tuple[Manifest, dict[str, Result]]:
    """Take over a run directory for a grid.

    Args:
        directory: locked; may be new.
        manifest: that of the grid.

    Returns:
        The manifest to write, and the results that the directory has of these cells,
        by cell id. Failed ones are among them, and count as none. Where nothing is left
        to train, the manifest keeps the versions that trained.

    Raises:
        ValueError: the directory does not fit the grid.
    """
    old = directory.manifest()
    if old is None:
        return manifest, {}
    stored = directory.results()
    ids = {cell.id for cell in manifest.cells}
    results = {cell_id: r for cell_id, r in stored.items() if cell_id in ids}
    inherited = _inherited(directory.path, old, manifest, stored)
    finished = {cell_id for cell_id, r in results.items() if r.status != "failed"}
    pending = ids - finished - {result.cell_id for result in inherited}
    # Where nothing is left to train, results of two machines cannot meet in one run.
    if pending:
        _check_bits(directory.path, old, manifest)
    else:
        manifest = dataclasses.replace(
            manifest, bits=old.bits, versions=old.versions, commit=old.commit
        )
    # Before the manifest that names these cells: a kill in between leaves a shard of
    # cells that the old manifest does not know, and that no reader looks up.
    if inherited:
        directory.write_results(inherited)
    manifest = dataclasses.replace(manifest, usage=old.usage)
    return manifest, results | {result.cell_id: result for result in inherited}


def _check_free(path: Path) -> None:
    """Refuse a path that is a file, or a folder of something else."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"out={path} is a file; choose a folder")
    if path.is_dir() and not (path / "manifest.json").exists():
        strangers = [p.name for p in path.iterdir() if not _is_ours(p.name)]
        if strangers:
            raise ValueError(
                f"out={path} holds other files ({min(strangers)}, …) and no "
                "manifest.json; choose an empty or new folder"
            )


def _is_ours(name: str) -> bool:
    """Tell whether a file may lie in a run directory that has no manifest yet."""
    # The notes of macOS, which it leaves in every folder.
    if name == ".DS_Store" or name.startswith("._"):
        return True
    # A run may be killed while it writes its first manifest under a temporary name.
    return name.startswith(".lock") or (
        name.startswith(".manifest") and name.endswith(".tmp")
    )


def _lines(value: Any) -> str:
    """Return a value as JSON. (With json's own indent, 10,000 cells take seconds.)"""
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    items = [json.dumps(item, ensure_ascii=False) for item in value]
    return "[\n  " + ",\n  ".join(items) + "\n ]"


def _inherited(
    path: Path, old: Manifest, new: Manifest, stored: Mapping[str, Result]
) -> list[Result]:
    """Return the old results that are also results of cells with a longer budget.

    Raises:
        ValueError: an old cell is not in the grid, with any budget from its own on.
    """
    ids = {cell.id for cell in new.cells}
    # A grid with an axis of budgets has several cells of one kin.
    by_kin: dict[str, list[Cell]] = {}
    for cell in new.cells:
        by_kin.setdefault(cell.kin, []).append(cell)
    inherited: list[Result] = []
    for cell in old.cells:
        if cell.id in ids:
            continue
        budget = cell.lane["steps"]
        heirs = [c for c in by_kin.get(cell.kin, []) if c.lane["steps"] > budget]
        if not heirs:
            raise ValueError(_difference(path, old, new, cell))
        result = stored.get(cell.id)
        if result is not None and _ended_early(result, budget):
            inherited += _renamed(result, heirs)
    return inherited


def _ended_early(result: Result, budget: int) -> bool:
    """Tell whether a cell ended by its own rule: more steps would change nothing."""
    # The last evaluation is at the last step: budgets are multiples of eval_every.
    return result.status in OVER and int(result.curve("step")[-1]) < budget


def _renamed(result: Result, heirs: Iterable[Cell]) -> list[Result]:
    """Return a result as that of each of the heirs."""
    return [dataclasses.replace(result, cell_id=cell.id) for cell in heirs]


def _check_bits(path: Path, old: Manifest, new: Manifest) -> None:
    """Refuse to go on where results would differ in their last bits."""
    for name, value in old.bits.items():
        if new.bits.get(name) != value:
            raise ValueError(
                f"out={path} was computed with {name}={value}, here it is "
                f"{new.bits.get(name)}: results would differ in their last "
                "bits; use the same, or another --out"
            )


def _difference(path: Path, old: Manifest, new: Manifest, cell: Cell) -> str:
    """Say why a directory's cell is not part of this grid."""
    config = json.loads(json.dumps(new.config))  # tuples as lists, as `old` was read
    changes = [
        f"{name} is {value!r} there and {config.get(name)!r} here"
        for name, value in old.config.items()
        if config.get(name) != value and name != "scale"
    ]
    return (
        f"out={path} holds another sweep: {'; '.join(changes[:3]) or 'other cells'} "
        f"(its cell {cell.axes} is not in this grid); use another --out, or a grid "
        "that contains all of its cells"
    )
