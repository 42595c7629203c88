"""Every command that reads a run reads one in a store of objects, and writes there."""

import importlib
import json
import uuid
from pathlib import Path

import fsspec
import pytest

import jaxgrok
import tiny
from jaxgrok import __main__ as console
from jaxgrok.host.files import object_store
from jaxgrok.host.files.object_path import ObjectPath
from jaxgrok.host.files.paths import as_path
from runs import FIELDS

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run in a store, and the same one on a disk."""
    name = uuid.uuid4().hex
    disk = tmp_path_factory.mktemp("disk") / "x"
    store = as_path(f"memory://{name}/runs/x")
    config = tiny.config(**FIELDS, model="transformer", snapshots="all")
    jaxgrok.run(config, disk, quiet=True)
    store.copy_from(disk)
    yield store, disk
    fsspec.filesystem("memory").rm(name, recursive=True)


def command(capsys, name, *words):
    """Run a command; return its exit code and what it prints."""
    module = importlib.import_module(console.COMMANDS[name][0])
    code = module.main([name, *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


READING = {
    "report": ["report", "RUN"],
    "other report": ["report", "RUN", "--out", "RUN/other/page.html"],
    "circuit": ["analyse", "RUN", "--cell", "3", "--figures", "attention"],
    "circuits": ["analyse", "RUN", "--cell", "all"],
    "outcomes": ["analyse", "RUN", "--hold", "2"],
    "weights": ["export", "RUN", "--cell", "3", "--out", "RUN/w/model.npz"],
    "figure": ["export", "RUN", "--figure", "curves", "--out", "RUN/curves.svg"],
    "netcdf": ["export", "RUN", "--to", "netcdf"],
    "tensorboard": ["export", "RUN", "--to", "tensorboard"],
    "crossover": ["crossover", "RUN"],
}


@pytest.mark.filterwarnings("ignore:Converting non-nanosecond")
@pytest.mark.parametrize("name", READING)
def test_what_a_command_writes_is_what_it_writes_on_a_disk(runs, capsys, name):
    said, files = [], []
    for run in runs:
        before = {path: path.read_bytes() for path in files_of(run)}
        words = [word.replace("RUN", str(run)) for word in READING[name]]
        code, out, err = command(capsys, *words)
        assert (code, err) == (0, "")
        said.append(out.replace(str(run), "RUN"))
        # Of what is written anew, too.
        files.append({parts(p, run) for p in files_of(run) if p not in before})
    assert said[0] == said[1]
    assert {named(file) for file in files[0]} == {named(file) for file in files[1]}


def files_of(folder):
    """All files but those of locks, which a store of objects keeps."""
    for path in folder.iterdir():
        if path.name != ".locks":
            yield from files_of(path) if path.is_dir() else [path]


def parts(path, run):
    return str(path).removeprefix(str(run))


def named(file):
    """Event files have the time in their names."""
    return file.rpartition("/")[0] if "tfevents" in file else file


def test_status_looks_at_it(runs, capsys):
    store, disk = runs
    code, out, _ = command(capsys, "status", store)
    assert (code, out) == (0, command(capsys, "status", disk)[1])
    assert "finished: 12 cells" in out or "finished: 12 of 12 cells" in out
    code, out, _ = command(capsys, "status", store, "--json")
    assert json.loads(out)["path"] == str(store)
    code, out, _ = command(capsys, "status", store.parent / "curves")
    assert code == 2


def test_pathlib_s_form_of_a_url_is_read_as_the_url(runs):
    assert isinstance(as_path(Path(str(runs[0]))), ObjectPath)
    assert len(jaxgrok.open(Path(str(runs[0])))) == 12


GRID = ["--grid", "wd_vs_frac"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status", "ftp://b/x"], "ftp:// is unknown; choose gs:// or s3://"),
        (["report", "ftp://b/x"], "ftp:// is unknown; choose gs:// or s3://"),
        (["sweep", *GRID, "--out", "s4://b"], "s4:// is unknown; choose gs://"),
        (["sweep", *GRID, "--out", "s3://"], "has no bucket; write s3://BUCKET/NAME"),
        (["export", "memory://nowhere/x", "--to", "netcdf"], "is not a run directory"),
        (["status", "memory://nowhere/x"], "does not exist; name a run directory"),
    ],
)
def test_bad_input_is_one_line(capsys, words, message):
    code, out, err = command(capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


class Store:
    """A store of fsspec that answers everything in one way."""

    def __init__(self, error):
        self.error = error

    def __getattr__(self, name):
        def answer(*_, **__):
            raise self.error

        return answer


class NoCredentialsError(Exception):
    """As botocore has it."""


COMMANDS = {
    "status": ["status", "s3://b/x"],
    "report": ["report", "s3://b/x"],
    "analyse": ["analyse", "s3://b/x", "--cell", "0"],
    "export": ["export", "s3://b/x", "--to", "netcdf"],
    "sweep": ["sweep", *GRID, "--out", "s3://b/x"],
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NoCredentialsError("Unable to locate credentials"), "AWS_ACCESS_KEY_ID"),
        (FileNotFoundError("The specified bucket"), "there is no bucket b; make it"),
        (RuntimeError("Could not connect to the endpoint"), "Could not connect"),
    ],
)
def test_a_store_that_refuses_is_one_line(capsys, monkeypatch, name, error, message):
    monkeypatch.setattr(object_store, "needed", lambda *_, **__: None)
    monkeypatch.setattr(object_store, "_filesystem", lambda _: Store(error))
    code, out, err = command(capsys, *COMMANDS[name])
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
