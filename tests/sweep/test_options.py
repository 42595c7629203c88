"""The options of a run are the keyword arguments of `jaxgrok.run`, and all arrive."""

import dataclasses
import inspect

import pytest

import jaxgrok
from jaxgrok.fleet.workers import Workers
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.sweep import run
from jaxgrok.sweep.options import Options

FIELDS = {field.name: field for field in dataclasses.fields(Options)}


@pytest.mark.parametrize("function", [jaxgrok.run, jaxgrok.find_crossover])
def test_a_function_that_shares_an_option_means_the_same(function):
    shared = inspect.signature(function).parameters.keys() & FIELDS
    assert {"blocks", "quiet", "mixed_bits", "workers", "on_cell"} <= shared
    for name in shared:
        parameter = inspect.signature(function).parameters[name]
        field = FIELDS[name]
        assert (parameter.annotation, parameter.default) == (field.type, field.default)


def test_run_hands_every_option_over(monkeypatch):
    values = {
        "blocks": 3,
        "quiet": True,
        "mixed_bits": True,
        "workers": "listen",
        "on_cell": print,
        "queue": list,
        "grid_file": GridFile("a.py", "", ""),
        "command": "jaxgrok sweep",
    }
    assert values.keys() == FIELDS.keys()
    calls = []
    monkeypatch.setattr(run, "train", lambda *arguments: calls.append(arguments))
    jaxgrok.run("config", "out", **values)
    assert calls == [("config", "out", Options(**values))]


def test_who_trains_is_parsed():
    assert Options().who == Workers()
    assert Options(workers=2).who.processes == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"blocks": 0}, "blocks=0 must be at least 1"),
        ({"workers": "many"}, "--workers=many must be local"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        Options(**fields)
