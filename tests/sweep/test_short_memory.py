"""Where memory runs out, less is computed at a time, or one line says so."""

import pytest

import jaxgrok
import tiny
from jaxgrok.engine.engine import Engine
from jaxgrok.results.files import snapshot_files
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.sweep import run
from runs import same


def config():
    return tiny.config(seed=(0, 1, 2), snapshots="all", snapshot_every=20)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole")
    jaxgrok.run(config(), path, blocks=2, quiet=True)
    assert [group.short for group in read_manifest(path).groups] == [""]
    return path


def exhausted(*_, **__):
    raise MemoryError("no more")


def test_less_is_computed_at_a_time_and_the_manifest_says_what(
    tmp_path, monkeypatch, whole, capsys
):
    advance, errors = Engine.advance, [MemoryError(), MemoryError()]

    def sometimes(engine, *args, **options):
        if errors:
            raise errors.pop()
        return advance(engine, *args, **options)

    monkeypatch.setattr(Engine, "advance", sometimes)
    jaxgrok.run(config(), tmp_path / "a", blocks=2)
    same(tmp_path / "a", whole)
    short = "memory is short: 1 block of 2 trains at a time"
    assert [group.short for group in read_manifest(tmp_path / "a").groups] == [short]
    said = capsys.readouterr().err
    assert said.count("memory ran out: its cells go on") == 2
    assert said.count(short) == 1


def test_where_it_ends_outside_the_training_one_line_says_so(
    tmp_path, monkeypatch, whole
):
    with monkeypatch.context() as patch:
        patch.setattr(snapshot_files, "write_tree", exhausted)
        with pytest.raises(run.Interrupted, match=r"^memory ran out \(no more\)") as it:
            jaxgrok.run(config(), tmp_path / "a", blocks=2, quiet=True)
    assert it.value.exit_code == 1
    assert "0 cells finished" in str(it.value)
    jaxgrok.run(config(), tmp_path / "a", blocks=2, quiet=True)
    same(tmp_path / "a", whole)
