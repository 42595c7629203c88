"""Results that no network made: every number says where it belongs."""

import json

import numpy as np

import tiny
from jaxgrok import grid
from jaxgrok.results.files import manifest_file
from jaxgrok.results.files.manifest import describe
from jaxgrok.results.files.shards import Result
from jaxgrok.results.rows import component_table, table
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.training.records import PLAIN, Curve, Schema

MATRICES = ("W_E", "W_U")
SCHEMA = Schema((*PLAIN, Curve("sum_of_squares", "matrix", MATRICES))).with_steps()
EVERY = 10


def manifest_of(**fields):
    return describe(grid.resolve(tiny.config(**fields)))


def product():
    """Two weight decays times three seeds."""
    return manifest_of(weight_decay=(0.1, 1.0), seed=(0, 1, 2))


def result(cell, evals=5, status="done", cause="", tag=0.0, schema=SCHEMA):
    """Column c of evaluation e is tag + c / 100 + e / 1000; the first is the step."""
    records = np.zeros((evals, schema.width), np.float32)
    records[:, 0] = np.arange(evals) * EVERY
    for column in range(1, schema.width):
        records[:, column] = tag + column / 100 + np.arange(evals) / 1000
    return Result(cell.id, status, schema, records, block_width=2, cause=cause)


def all_results(manifest, **fields):
    return [result(c, tag=i, **fields) for i, c in enumerate(manifest.cells)]


def write(path, manifest, *shards):
    """Leave a run directory with these shards and the tables of their results."""
    with RunDirectory(path) as directory:
        directory.write_manifest(manifest)
        for shard in shards:
            directory.write_results(shard)
        results = directory.results()
        rows = table(manifest, results), component_table(manifest, results)
        directory.write_tables(manifest, *rows)
    return path


def rewrite(path, **entries):
    """Write other entries into a run's manifest, as other versions would have."""
    changed = json.dumps(manifest_file.read(path) | entries)
    manifest_file.write(path, changed, manifest_file.edition(path) + 1)


def same(one, two):
    """Whether two results are the same to the last bit."""
    np.testing.assert_array_equal(one.records, two.records)
    facts = ("cell_id", "status", "schema", "block_width", "cause")
    return [getattr(one, f) for f in facts] == [getattr(two, f) for f in facts]
