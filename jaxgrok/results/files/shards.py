"""Result shards: immutable files that hold the curves of finished cells.

>>> write_results(run_dir, [Result(cell.id, "done", schema, records, block_width=4)])
>>> results = read_results(run_dir)           # {cell id: Result}
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from jaxgrok.host.files.atomic_files import new_name
from jaxgrok.host.files.packed_files import fingerprint, packed, write_packed
from jaxgrok.host.files.paths import AnyPath, matches, read_each
from jaxgrok.host.files.typed import record, typed
from jaxgrok.results.files import index as index_file
from jaxgrok.results.files.index import Index
from jaxgrok.training.records import COMPONENT_CURVES, CURVES, STEP, Curve, Schema

FOLDER = "curves"
ENDS = ("done", "stopped", "diverged", "failed")
"""Statuses of a result."""
OVER = ("done", "diverged")
"""Statuses of a cell that is not trained again."""

DAMAGED = "the same command sets it aside and trains its cells again"
MISSING = "bring it back, or the same command trains its cells again"

Bits = Mapping[str, str | int]
"""What decides a result's last bits: versions, device, threads, block width."""


@dataclasses.dataclass(frozen=True)
class Result:
    """A cell that has ended: its curves, and how it ended.

    Attributes:
        cell_id: hash of the cell.
        status: "done", "stopped", "diverged" or "failed".
        schema: what the columns of `records` are; `step` is the first.
        records: [evals, columns], one row an evaluation.
        block_width: lanes of a block, which is part of what decides the bits.
        cause: why the cell was stopped, diverged or failed; "" if it is done.
        computed_with: what computed it and decides its last bits, as
            `jaxgrok.host.machine.bits` says it; several where it went on elsewhere.
    """

    cell_id: str
    status: str
    schema: Schema
    records: np.ndarray
    block_width: int
    cause: str = ""
    computed_with: tuple[Bits, ...] = ()

    def curve(self, name: str) -> np.ndarray:
        """Return one curve: [evals], or [evals, entries] if it has a dimension."""
        return self.records[:, self.schema.columns(name)]

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the components that have curves of their own, in order."""
        name = next(iter(COMPONENT_CURVES))
        if name not in self.schema:
            return ()
        return tuple(map(str, self.schema[name].labels))


def write_results(path: AnyPath, results: Iterable[Result], index: Index) -> None:
    """Add one immutable shard with these results to a run directory, and its index.

    Its `head` is JSON and lists, for each array `records-N` in turn, the curves that
    its columns hold, and the cells whose rows follow each other in it.
    """
    # One array a kind: joining unlike types would convert, and lose the bits.
    kinds: dict[tuple[Schema, np.dtype[Any], tuple[Any, ...]], list[Result]] = {}
    for result in results:
        origin = tuple(tuple(bits.items()) for bits in result.computed_with)
        kind = result.schema, result.records.dtype, origin
        kinds.setdefault(kind, []).append(result)
    head: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {}
    for (schema, _, origin), members in kinds.items():
        records = [result.records for result in members]
        arrays[f"records-{len(head)}"] = np.concatenate(records)
        head.append(
            {
                "curves": [vars(curve) for curve in schema.curves],
                "computed_with": [dict(bits) for bits in origin],
                "cells": [_described(result) for result in members],
            }
        )
    (path / FOLDER).mkdir(exist_ok=True)
    # Names sort in the order of writing: of two results of a cell, the later one wins.
    file = path / FOLDER / f"{new_name()}.npz"
    write_packed(file, head, arrays, compress=True)
    index.curves[file.name] = fingerprint(file)
    index_file.write(path, index)


def _described(result: Result) -> dict[str, Any]:
    """Return what the head of a shard says about a cell."""
    return {
        "cell_id": result.cell_id,
        "status": result.status,
        "block_width": result.block_width,
        "cause": result.cause,
        "evals": len(result.records),
    }


def read_results(
    path: AnyPath, *, curves: bool = True, indexed: bool = True
) -> dict[str, Result]:
    """Return the results of all shards of a run directory, by cell id.

    Args:
        path: the run directory.
        curves: whether to read them; without, every `records` has no rows.
        indexed: whether the directory has an index; format 1 had none.

    Raises:
        ValueError: a shard is damaged, or missing.
    """
    # A cell that was trained again is in two shards: the later one wins.
    results = each_result(path, curves=curves, indexed=indexed)
    return {result.cell_id: result for result in results}


def each_result(
    path: AnyPath, *, curves: bool = True, indexed: bool = True
) -> Iterator[Result]:
    """Yield the results of one shard after the other, the oldest first.

    Raises:
        ValueError: a shard is damaged, or missing.
    """
    # Before the list: what is written meanwhile is in the list, and whole.
    index = index_file.read(path) if indexed else Index()
    files = shards(path)
    if index is None and files:
        raise ValueError(f"{path / index_file.FILE} is missing; {index_file.WAY_OUT}")
    known = index.curves if index else {}
    if missing := sorted(known.keys() - {file.name for file in files}):
        raise ValueError(f"{path / FOLDER / missing[0]} is missing; {MISSING}")
    for shard in read_each(partial(read_shard, known=known, curves=curves), files):
        yield from shard.values()


def shards(path: AnyPath) -> list[AnyPath]:
    """Return the shards of a run directory, the oldest first."""
    # A name that starts with a dot is the system's: macOS leaves ._NAME beside NAME.
    return matches(path / FOLDER, "[!.]*.npz")


def read_shard(
    file: AnyPath, known: Mapping[str, str], *, curves: bool = True
) -> dict[str, Result]:
    """Return the results of one shard, by cell id.

    Args:
        file: the shard.
        known: fingerprints by name; a shard that is not among them may have any.
        curves: whether to read all of it.

    Raises:
        ValueError: it is damaged, or another one.
    """
    results = {}
    with packed(file, DAMAGED) as (head, arrays):
        if known.get(file.name, arrays.fingerprint) != arrays.fingerprint:
            raise ValueError("it is another shard")
        for number, kind in enumerate(head):
            schema = Schema(tuple(record(Curve, entry) for entry in kind["curves"]))
            empty = np.empty((0, schema.width), np.float32)
            records, start = arrays[f"records-{number}"] if curves else empty, 0
            origin = tuple(map(dict, kind["computed_with"]))
            for cell in kind["cells"]:
                evals = cell.pop("evals")
                end = start + evals
                result = Result(
                    schema=schema,
                    records=records[start:end],
                    computed_with=origin,
                    **cell,
                )
                _check(result, evals)
                results[result.cell_id], start = result, end
            # Those of cells that failed may be of no width.
            shape = (start, schema.width) if start else (0, *records.shape[1:])
            if curves and records.shape != shape:
                raise ValueError("it has rows of no cell")
    return results


def _check(result: Result, evals: int) -> None:
    """Refuse a result whose entries make no sense."""
    for text in (result.cell_id, result.cause):
        typed(text, str)
    typed(result.block_width, int)
    if result.status not in ENDS or result.records.dtype.kind != "f":
        raise ValueError("no cell ends so")
    # A cell whose group could not even be built has no curves.
    needed = 0 if result.status == "failed" else 1
    if typed(evals, int) < needed or not {STEP.name, *CURVES} <= {*result.schema.names}:
        raise ValueError("it lacks a curve")
