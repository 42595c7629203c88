"""The ledger knows what is finished, makes a row once, and writes each result once."""

import csv

import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.results import ledger
from jaxgrok.results.files.manifest import describe
from jaxgrok.results.files.shards import Result
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.training.records import PLAIN, Schema

SCHEMA = Schema(PLAIN).with_steps()


@pytest.fixture
def manifest():
    return describe(grid.resolve(tiny.config(seed=(0, 1, 2, 3))))


def result(manifest, index, status="done"):
    records = np.full((5, SCHEMA.width), index, np.float32)
    records[:, 0] = np.arange(5) * 10
    return Result(manifest.cells[index].id, status, SCHEMA, records, 2)


def test_rows_are_in_cell_order_and_made_once(tmp_path, manifest, monkeypatch):
    made, cell_row = [], ledger.cell_row

    def counted(manifest, index, result):
        made.append(index)
        return cell_row(manifest, index, result)

    monkeypatch.setattr(ledger, "cell_row", counted)
    with RunDirectory(tmp_path / "a") as directory:
        directory.write_manifest(manifest)
        there = {r.cell_id: r for r in [result(manifest, 2)]}
        book = Ledger(directory, manifest, there)
        for index in (3, 0):
            row = book.add(result(manifest, index))
            assert (row["id"], row["axes"]["seed"]) == (manifest.cells[index].id, index)
            book.flush()
        assert [row["axes"]["seed"] for row in book.rows()] == [0, 2, 3]
    assert made == [2, 3, 0]
    with open(tmp_path / "a/cells.csv", newline="") as file:
        assert [row["seed"] for row in csv.DictReader(file)] == ["0", "2", "3"]


def test_each_result_is_written_once(tmp_path, manifest):
    with RunDirectory(tmp_path / "a") as directory:
        directory.write_manifest(manifest)
        book = Ledger(directory, manifest, {})
        book.add(result(manifest, 0))
        assert book.unwritten
        book.flush()
        assert not book.unwritten
        book.flush()
        book.add(result(manifest, 1))
        book.flush()
        assert len(list((tmp_path / "a/curves").glob("*.npz"))) == 2
        assert len(directory.results()) == 2


def test_results_and_tables_are_written_apart(tmp_path, manifest):
    with RunDirectory(tmp_path / "a") as directory:
        directory.write_manifest(manifest)
        book = Ledger(directory, manifest, {})
        assert not book.untold
        book.add(result(manifest, 0))
        book.write_results()
        assert book.untold and not book.unwritten
        assert not (tmp_path / "a/cells.csv").exists()
        assert len(directory.results()) == 1
        book.write_tables()
        assert not book.untold
        assert (tmp_path / "a/cells.csv").read_text().count("\n") == 2


def test_what_stands_is_what_counts_as_finished(tmp_path, manifest):
    ids = [cell.id for cell in manifest.cells]
    with RunDirectory(tmp_path / "a") as directory:
        there = {ids[i]: result(manifest, i, "stopped") for i in (0, 1)}
        book = Ledger(directory, manifest, there)
        assert len(book) == 0 and len(book.rows()) == 2
        book.stand(ids[:2])
        assert len(book) == 2 and ids[1] in book
        book.reopen([ids[1]])
        assert len(book) == 1 and ids[1] not in book
        # Its old row stays in the tables until there is a new one.
        assert [row["status"] for row in book.rows()] == ["stopped", "stopped"]
        book.add(result(manifest, 1))
        assert [row["status"] for row in book.rows()] == ["stopped", "done"]
        assert ids[1] in book
