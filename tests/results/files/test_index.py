"""The index names what was written; what is another, or gone, is missed."""

import pytest

from jaxgrok.host.files.sealed import digest
from jaxgrok.results.files import index
from jaxgrok.results.files.index import Index


def test_it_comes_back_as_it_was(tmp_path):
    assert index.read(tmp_path) is None
    written = Index({"a.npz": "12"}, {"cells.csv": ["1", "2"]})
    index.write(tmp_path, written)
    assert index.read(tmp_path) == written


def test_shards_that_leave_it_are_gone_from_the_file(tmp_path):
    known = Index(snapshots={"a.json": "1", "b.json": "2"})
    index.leave_out(tmp_path, known, ["c.json"])
    assert index.read(tmp_path) is None  # nothing was to be written
    index.leave_out(tmp_path, known, ["a.json"])
    assert index.read(tmp_path) == known == Index(snapshots={"b.json": "2"})


@pytest.mark.parametrize("text", [b"", b"{}", b'{"curves": {}}', b"[]"])
def test_a_damaged_one_is_named(tmp_path, text):
    (tmp_path / index.FILE).write_bytes(text)
    with pytest.raises(ValueError, match=r"files\.json is damaged; the same command"):
        index.read(tmp_path)


def test_a_table_may_have_the_old_or_the_new_contents_and_no_others(tmp_path):
    table = tmp_path / "cells.csv"
    assert index.table_words(tmp_path, table.name) == ""
    index.write(tmp_path, Index(tables={table.name: [digest(b"old"), digest(b"new")]}))
    for content in (b"old", b"new"):
        table.write_bytes(content)
        assert index.table_words(tmp_path, table.name) == ""
    table.write_bytes(b"other")
    assert "cells.csv is damaged; the" in index.table_words(tmp_path, table.name)
    table.unlink()
    assert "cells.csv is missing; the" in index.table_words(tmp_path, table.name)
    assert index.table_words(tmp_path, "circuits.csv") == ""


def test_a_table_that_was_lost_is_known_still(tmp_path):
    (tmp_path / "cells.csv").write_text("old")
    assert index.has_table(tmp_path, "cells.csv")  # without an index, that it exists
    assert not index.has_table(tmp_path, "crossover.csv")
    index.write(tmp_path, Index(tables={"crossover.csv": ["1"]}))
    assert index.has_table(tmp_path, "crossover.csv")
    assert not index.has_table(tmp_path, "cells.csv")
