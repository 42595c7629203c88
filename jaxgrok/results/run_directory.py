"""The run directory: its lock, manifest and tables.

Nothing is appended or overwritten in place: files are written under a temporary name,
fsynced and renamed; in a store of objects each is sent as a whole. Curves are in
`shards`, snapshots in `snapshots`, what is in flight in `resume`.

    >>> with RunDirectory("runs/wd_vs_frac-laptop") as directory:
    ...     directory.write_manifest(describe(grid))
"""

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from jaxgrok.grid.cells import Cell
from jaxgrok.host.files import disk_errors, sealed
from jaxgrok.host.files.atomic_files import write_atomically
from jaxgrok.host.files.folder_lock import FolderLock, Held, in_use
from jaxgrok.host.files.object_lock import ObjectLock
from jaxgrok.host.files.paths import AnyPath, UserPath, as_path
from jaxgrok.host.files.unfinished import remove_abandoned
from jaxgrok.results.dataset import Rows, assemble
from jaxgrok.results.files import cell_table, index, manifest_file, snapshot_files
from jaxgrok.results.files.index import Index
from jaxgrok.results.files.manifest import Manifest, read_manifest
from jaxgrok.results.files.shards import (
    Result,
    each_result,
    read_results,
    write_results,
)
from jaxgrok.results.mending import mend
from jaxgrok.results.rows import CellRow, ComponentRow, table_bytes
from jaxgrok.results.run_folder import refuse_strangers


class RunDirectory:
    """A locked run directory, open for writing by this process alone.

    Args:
        path: a folder that is new, empty or a run directory, or the URL of one. It is
            made, and locked, on entering the context.

    Raises:
        ValueError: on entering, for any other path, one that cannot be written, and
            one that another process holds.
        OSError: on entering, where a disk refuses the lock.
    """

    def __init__(self, path: UserPath) -> None:
        self.path = as_path(path).resolve()
        self._lock = _lock_of(self.path)
        self._cells: Sequence[Cell] = ()
        """Those of a large manifest that lie in the file `_cell_table`."""
        self._cell_table = ""
        self._edition = 0
        """How often the manifest was written; 0 before it was looked up."""

    def __enter__(self) -> "RunDirectory":
        _check_free(self.path)
        try:
            with disk_errors.naming(self.path):
                self.path = self._lock.acquire()
        except Held as holder:
            raise in_use(self.path, holder) from None
        except OSError as error:
            if disk_errors.way_out(error):
                raise
            raise ValueError(
                f"out={self.path} cannot be written ({error.strerror}); "
                "choose another folder with --out"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @functools.cached_property
    def index(self) -> Index:
        """The index of what is there; empty for a directory that has none."""
        return index.read(self.path) or Index()

    def mend(self) -> list[str]:
        """Set aside what is damaged, so that the newest that is whole counts.

        Returns:
            A line for each file that was damaged or is missing.
        """
        lines, self.index = mend(self.path)
        return lines

    def clear(self) -> None:
        """Remove what processes that were killed had begun to write."""
        # The lock is ours: no other process can be writing here now.
        snapshot_files.remove_incomplete(self.path)
        remove_abandoned(self.path)

    def manifest(self) -> Manifest | None:
        """Return the manifest, or None if the directory is new."""
        is_new = not manifest_file.exists(self.path)
        return None if is_new else read_manifest(self.path)

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest: a line an entry, and a line an item of its lists.

        The cells of a large one lie in a file of their own.
        """
        contents = manifest.to_json()
        if len(manifest.cells) > cell_table.MANY:
            contents |= self._large(manifest)
        entries = [f'"{name}": {_lines(value)}' for name, value in contents.items()]
        text = "{\n " + ",\n ".join(entries) + "\n}\n"
        is_newer = snapshot_files.enter(self.path, self.index)
        if is_newer or not (self.path / index.FILE).exists():
            index.write(self.path, self.index)
        self._edition = 1 + (self._edition or manifest_file.edition(self.path))
        manifest_file.write(self.path, text, self._edition)
        if self._cell_table:
            cell_table.remove_others(self.path, self._cell_table)

    def _large(self, manifest: Manifest) -> dict[str, Any]:
        """Return the entries of a large manifest that name the file of its cells."""
        # It is rewritten for what was computed since; its cells stay the same.
        if manifest.cells is not self._cells:
            members = [group.cells for group in manifest.groups]
            self._cell_table = cell_table.write(self.path, manifest.cells, members)
            self._cells = manifest.cells
        groups = [vars(group) | {"cells": []} for group in manifest.groups]
        count = len(manifest.cells)
        return {"groups": groups, "cells": {"file": self._cell_table, "count": count}}

    def results(self, *, curves: bool = True) -> dict[str, Result]:
        """Return every cell that has ended, by id; see `read_results`."""
        return read_results(self.path, curves=curves)

    def each_result(self) -> Iterator[Result]:
        """Yield every cell that has ended, an older result before a newer one."""
        return each_result(self.path)

    def write_results(self, results: Iterable[Result]) -> None:
        """Add one immutable shard with these results.

        Snapshots are on the disk before the results of their cells: both are entered.
        """
        snapshot_files.enter(self.path, self.index)
        write_results(self.path, results, self.index)

    def assemble(self, rows: Rows) -> xr.Dataset:
        """Return what `jaxgrok.load` returns, from rows that are made already.

        Of a large run it has no curves: they would fill the memory.
        """
        manifest = read_manifest(self.path)
        curves = len(manifest.cells) <= cell_table.MANY
        return assemble(manifest, self.results(curves=curves), rows)

    def write_tables(
        self,
        manifest: Manifest,
        rows: Iterable[CellRow],
        component_rows: Sequence[ComponentRow] = (),
    ) -> None:
        """Rewrite cells.csv and, where there are components, components.csv."""
        for name, content in table_bytes(manifest.axes, rows, component_rows).items():
            self.write_table(name, content)

    def write_table(self, name: str, content: bytes) -> None:
        """Replace a table, which the index knows before and afterwards."""
        tables, digest = self.index.tables, sealed.digest(content)
        if name in tables and tables[name] != [digest]:
            # Readers, and those who come after a kill, find one or the other.
            tables[name] = [*tables[name], digest]
            index.write(self.path, self.index)
        write_atomically(self.path / name, content)
        if tables.get(name) != [digest]:
            tables[name] = [digest]
            index.write(self.path, self.index)

    def remove_table(self, name: str) -> None:
        """Remove a table that does not hold any more, if there is one."""
        # In this order: one that the index does not know would count.
        (self.path / name).unlink(missing_ok=True)
        if self.index.tables.pop(name, None) is not None:
            index.write(self.path, self.index)


def _lock_of(path: AnyPath) -> FolderLock | ObjectLock:
    """Return the lock of a directory, by where it is."""
    return FolderLock(path) if isinstance(path, Path) else ObjectLock(path)


def _check_free(path: AnyPath) -> None:
    """Refuse a path that is a file, or a folder of something else."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"out={path} is a file; choose a folder")
    if path.is_dir():
        refuse_strangers(path, "out=")


def _lines(value: Any) -> str:
    """Return a value as JSON. (With json's own indent, 10,000 cells take seconds.)"""
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    items = [json.dumps(item, ensure_ascii=False) for item in value]
    return "[\n  " + ",\n  ".join(items) + "\n ]"
