"""The run directory: manifest, result shards, table, resume state.

Owns every file format and the lock. Nothing is appended or overwritten in place: files
are written under a temporary name, fsynced and renamed. Knows no training.

    >>> with RunDirectory("runs/wd_vs_frac-laptop") as directory:
    ...     directory.write_results(results)
"""

import fcntl
import io
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import xarray as xr

from jaxgrok.host.atomic_files import write_atomically, write_table
from jaxgrok.results import dataset
from jaxgrok.results.dataset import Rows
from jaxgrok.results.manifest import Manifest, read_manifest
from jaxgrok.results.rows import COMPONENT_TABLE, TABLE, Result
from jaxgrok.results.shards import FACTS, read_results


class RunDirectory:
    """A locked run directory, open for writing by this process alone."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()
        self._shards = itertools.count()
        self._saves = itertools.count(time.time_ns())
        self._lock: TextIO | None = None

    def __enter__(self) -> "RunDirectory":
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"out={self.path} is a file; choose a folder")
        if self.path.is_dir() and not (self.path / "manifest.json").exists():
            others = {p.name for p in self.path.iterdir() if not _is_ours(p.name)}
            if others:
                raise ValueError(
                    f"out={self.path} holds other files ({min(others)}, …) and no "
                    "manifest.json; choose an empty or new folder"
                )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.path / ".lock", "a+")
        except OSError as error:
            raise ValueError(
                f"out={self.path} cannot be written ({error.strerror}); "
                "choose another folder with --out"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "another process"
            self._lock.close()
            raise ValueError(
                f"out={self.path} is held by a running sweep ({holder}); wait for it, "
                "or choose another folder with --out"
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()}")
        self._lock.flush()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._lock is not None
        self._lock.close()

    def manifest(self) -> Manifest | None:
        """What the directory says of itself, or None if it is new."""
        new = not (self.path / "manifest.json").exists()
        return None if new else read_manifest(self.path)

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest: a line an entry, and a line an item of its lists."""
        entries = [
            f'"{name}": {_lines(value)}' for name, value in manifest.to_json().items()
        ]
        text = "{\n " + ",\n ".join(entries) + "\n}\n"
        write_atomically(self.path / "manifest.json", text.encode())

    def write_results(self, results: Iterable[Result]) -> None:
        """Add one immutable shard with these results.

        Its `head` lists, for each array `records-N` and in its order, what is known of
        the cells and how many evaluations are theirs.
        """
        kinds: dict[tuple[Any, ...], list[Result]] = {}
        for result in results:
            kinds.setdefault((result.columns, result.records.dtype), []).append(result)
        head: list[dict[str, Any]] = []
        arrays: dict[str, Any] = {}
        for (columns, _), same in kinds.items():
            arrays[f"records-{len(head)}"] = np.concatenate([r.records for r in same])
            cells = [
                {fact: getattr(r, fact) for fact in FACTS} | {"evals": len(r.records)}
                for r in same
            ]
            head.append({"columns": columns, "cells": cells})
        buffer = io.BytesIO()
        np.savez_compressed(buffer, head=np.array(json.dumps(head)), **arrays)
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._shards)}.npz"
        (self.path / "curves").mkdir(exist_ok=True)
        write_atomically(self.path / "curves" / name, buffer.getvalue())

    def results(self) -> dict[str, Result]:
        """Every finished cell by id."""
        return read_results(self.path)

    def assemble(self, rows: Rows) -> xr.Dataset:
        """As `jaxgrok.load`, from rows of the tables that are made already."""
        manifest = read_manifest(self.path)
        return dataset.assemble(manifest, read_results(self.path), rows)

    def write_tables(
        self,
        manifest: Manifest,
        rows: Iterable[Mapping[str, Any]],
        component_rows: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Rewrite cells.csv and, where there are components, components.csv.

        The rows are those of `tables.table` and `tables.component_table`.
        """
        axes = manifest.axes
        names = ["cell", *axes, *(name for name in TABLE if name not in axes)]
        write_table(self.path / "cells.csv", names, rows)
        if component_rows:
            names = ["cell", *axes, *COMPONENT_TABLE]
            write_table(self.path / "components.csv", names, component_rows)

    def save_resume(self, meta: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Replace the rolling resume state: JSON-able `meta`, and a tree of arrays."""
        from orbax.checkpoint import v1 as ocp

        folder = self.path / "resume"
        folder.mkdir(exist_ok=True)
        old = list(folder.iterdir())
        head = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        ocp.save(folder / str(next(self._saves)), {"meta": head, "arrays": arrays})
        for path in old:
            shutil.rmtree(path, ignore_errors=True)

    def load_resume(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The newest resume state that can be read, as (meta, arrays), or None."""
        from orbax.checkpoint import v1 as ocp

        folder = self.path / "resume"
        names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        for name in sorted((n for n in names if n.isdigit()), key=int, reverse=True):
            try:
                tree = ocp.load(folder / name)
                return json.loads(bytes(np.asarray(tree["meta"]))), tree["arrays"]
            except (OSError, ValueError, KeyError):
                continue  # cut off while it was written; an older one may be whole
        return None

    def drop_resume(self) -> None:
        """Remove the resume state: every cell is finished."""
        shutil.rmtree(self.path / "resume", ignore_errors=True)


def _is_ours(name: str) -> bool:
    """Whether a file may lie in a run directory whose manifest was never written."""
    return name == ".lock" or (name.startswith(".manifest") and name.endswith(".tmp"))


def _lines(value: Any) -> str:
    """A value as JSON. (With json's own indent ten thousand cells take seconds.)"""
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    items = [json.dumps(item, ensure_ascii=False) for item in value]
    return "[\n  " + ",\n  ".join(items) + "\n ]"
