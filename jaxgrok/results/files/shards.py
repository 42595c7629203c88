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
from jaxgrok.host.files.packed_files import packed, write_packed
from jaxgrok.host.files.paths import AnyPath, matches, read_each
from jaxgrok.training.records import COMPONENT_CURVES, Curve, Schema

OVER = ("done", "diverged")
"""Statuses of a cell that is not trained again."""

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


def write_results(path: AnyPath, results: Iterable[Result]) -> None:
    """Add one immutable shard with these results to a run directory.

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
    (path / "curves").mkdir(exist_ok=True)
    # Names sort in the order of writing: of two results of a cell, the later one wins.
    file = path / "curves" / f"{new_name()}.npz"
    write_packed(file, head, arrays, compress=True)


def _described(result: Result) -> dict[str, Any]:
    """Return what the head of a shard says about a cell."""
    return {
        "cell_id": result.cell_id,
        "status": result.status,
        "block_width": result.block_width,
        "cause": result.cause,
        "evals": len(result.records),
    }


def read_results(path: AnyPath, *, curves: bool = True) -> dict[str, Result]:
    """Return the results of all shards of a run directory, by cell id.

    Args:
        path: the run directory.
        curves: whether to read them; without, every `records` has no rows.

    Raises:
        ValueError: a shard is damaged.
    """
    # A cell that was trained again is in two shards: the later one wins.
    return {result.cell_id: result for result in each_result(path, curves=curves)}


def each_result(path: AnyPath, *, curves: bool = True) -> Iterator[Result]:
    """Yield the results of one shard after the other, the oldest first.

    Raises:
        ValueError: a shard is damaged.
    """
    # A name that starts with a dot is the system's: macOS leaves ._NAME beside NAME.
    files = matches(path / "curves", "[!.]*.npz")
    for shard in read_each(partial(_read_shard, curves=curves), files):
        yield from shard.values()


def _read_shard(file: AnyPath, *, curves: bool) -> dict[str, Result]:
    """Return the results of one shard, by cell id."""
    results = {}
    way_out = "remove it, and the same command trains its cells again"
    with packed(file, way_out) as (head, arrays):
        for number, kind in enumerate(head):
            schema = Schema(tuple(_curve(**entry) for entry in kind["curves"]))
            empty = np.empty((0, schema.width), np.float32)
            records, start = arrays[f"records-{number}"] if curves else empty, 0
            origin = tuple(kind["computed_with"])
            for cell in kind["cells"]:
                end = start + cell.pop("evals")
                rows = records[start:end]
                result = Result(
                    schema=schema, records=rows, computed_with=origin, **cell
                )
                results[result.cell_id], start = result, end
    return results


def _curve(*, labels: list[str | int], **entries: str) -> Curve:
    """Return a curve from its JSON, which has lists for tuples."""
    return Curve(labels=tuple(labels), **entries)
