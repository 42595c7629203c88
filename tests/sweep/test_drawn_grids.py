"""Grids drawn at random: a plan, or exit code 2 with one short line that names a field.

Nothing is trained and nothing may be on disk. JAXGROK_DRAWS=5000 draws as many of each
kind, anew; without, the same few are drawn every time.
"""

import contextlib
import io
import json
import os
import re
import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jaxgrok import grid
from jaxgrok.fields.values import shown
from jaxgrok.grid import fields, grid_file
from jaxgrok.host import command_line, source
from jaxgrok.models import MODELS
from jaxgrok.results.files.manifest import describe
from jaxgrok.sweep import __main__ as sweep
from jaxgrok.sweep import crew, run
from jaxgrok.tasks import TASKS

DRAWS = int(os.environ.get("JAXGROK_DRAWS", 0))
FILE = """
from jaxgrok import grid
def get_config(scale="laptop"):
    return grid.base(scale)
"""
FIELDS = sorted(fields.every())
WORDS = """
exact float32 float64 bf16 grokked steps mlp transformer adamw sgd adam x/y x*y none
parity digits repeats trigrams multitask modular random x+y,x-y all phases online finite
W_E,b_* seed,weight_decay seed=0 seed=0;seed=1 fourier relu True ( )
""".split()  # noqa: SIM905


class Planned(BaseException):
    """The grid is resolved, and the next thing would be the run directory."""


settings.register_profile(
    "grids",
    max_examples=DRAWS or 60,
    derandomize=not DRAWS,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
drawn_grids = settings.get_profile("grids")


@pytest.fixture(scope="module", autouse=True)
def folder():
    """A folder with a grid file, where every sweep stops before it writes."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as name:
        patch.setattr(crew, "resolve", _resolve)
        patch.setattr(run, "RunDirectory", _stop)
        patch.setattr(source, "commit", lambda: "")
        patch.setattr(command_line.machine, "prepare", lambda: None)
        patch.setattr(grid_file, "commit_of", lambda folder: "")
        patch.chdir(name)
        Path("mine.py").write_text(FILE)
        yield


def _resolve(config):
    """Resolve a grid whose manifest can be written."""
    planned = grid.resolve(config)
    if len(planned.cells) < 1000:  # more take seconds to write
        json.dumps(describe(planned).to_json(), ensure_ascii=False).encode()
    return planned


def _stop(path):
    raise Planned


def outcome(body, names):
    """Return "plan", or the one short line of a command, which must name a field."""
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(errors):
            code = body()
    except Planned:
        return "plan"
    finally:
        assert [path.name for path in Path().iterdir()] == ["mine.py"]
    line = errors.getvalue()
    assert code == command_line.USAGE, line
    assert line.startswith("error: ") and line.count("\n") == 1, line
    assert len(line) <= 300, line
    drawn = [shown(name)[1:-1] for name in names]
    assert set(FIELDS) & set(re.findall(r"\w+", line)) or any(
        name in line for name in drawn
    ), line
    return line


def of_python(overrides):
    """What comes of a config that is made in Python."""

    def body(_):
        config = grid.base("laptop")
        for name, value in overrides:
            config[name] = value
        run.run(config, "out", quiet=True)
        return 0

    names = [name for name, _ in overrides]
    return outcome(lambda: command_line.run(["sweep", "x"], None, body), names)


def of_command_line(overrides):
    """What comes of a command line."""
    words = [f"--grid.{name}={text}" for name, text in overrides]
    names = [name for name, _ in overrides]
    argv = ["sweep", "--grid=mine.py", "--out=out", *words]
    return outcome(lambda: sweep.main(argv), names)


whole = st.one_of(
    st.integers(-3, 130),
    st.integers(),
    st.sampled_from([1, -1]).flatmap(
        lambda sign: st.sampled_from(
            [sign * 2**31, sign * 2**63, sign * 2**64, sign * 10**400, sign * 10**5000]
        )
    ),
)
real = st.one_of(
    st.floats(),
    st.floats(0, 1),
    st.sampled_from([0.99999999, 1e-46, 1e39, -0.0, 0.1 + 0.2, 1e308, 5e-324]),
)
word = st.one_of(st.sampled_from(WORDS + FIELDS), st.text(max_size=12))


def shown_whole(value):
    """Return a value as Python writes it; one that it does not write out as a power."""
    try:
        return repr(value)
    except ValueError:
        return "1" + "0" * 5000


single = st.one_of(
    whole,
    real,
    word,
    st.booleans(),
    st.none(),
    st.binary(max_size=3),
    st.builds(Fraction, st.integers(), st.integers(1)),
    st.decimals(),
    st.complex_numbers(),
)
small = st.integers(0, 100)
of_numpy = st.one_of(
    st.builds(np.int8, small),
    st.builds(np.uint64, small),
    st.builds(np.float16, st.floats(0, 1)),
    st.builds(np.float32, st.floats(width=32)),
    st.builds(np.float64, real),
    st.builds(np.longdouble, real),
    st.builds(np.bool_, st.booleans()),
    st.builds(np.str_, word),
    st.builds(lambda n: np.datetime64(n, "D"), small),
    st.builds(np.arange, small),
    st.builds(lambda n: np.linspace(0, 1, n), small),
    st.builds(lambda n: np.ones((n, 2)), st.integers(0, 3)),
    st.builds(lambda values: np.array(values, object), st.lists(single, max_size=2)),
    st.builds(np.array, real),
    st.builds(np.array, st.lists(word, max_size=2)),
    st.builds(jnp.arange, st.integers(0, 2)),
    st.builds(pd.Series, st.lists(st.floats(0, 1), max_size=3)),
)
one = single | of_numpy
several = st.one_of(
    st.lists(one, max_size=4).map(tuple),
    st.lists(whole, max_size=4).map(tuple),
    st.lists(real, max_size=4).map(tuple),
    st.lists(word, max_size=3).map(tuple),
    st.lists(one, max_size=2),
    st.lists(single, max_size=2).map(lambda values: (tuple(values),)),
    st.sets(word, max_size=2),
    st.dictionaries(word, single, max_size=2),
    st.builds(range, st.sampled_from([3, 100, 10**7, 10**30])),
    st.builds(iter, st.just((1, 2))),
)
plain_name = st.sampled_from(FIELDS)
odd_name = st.text(max_size=20)
name = st.sampled_from([plain_name] * 9 + [odd_name]).flatmap(lambda names: names)
sensible_words = {
    "task": sorted(TASKS),
    "model": sorted(MODELS),
    "decay_on": ["all", "W_*", "W_E,b_*", "no"],
    "snapshots": ["none", "all", "phases", "0", "seed=0", "weight_decay=1.0;seed=1"],
    "zip": ["", "seed,weight_decay", "seed,n_train,beta1"],
    "operations": ["x+y,x-y", "x*y, x-y", "x/y,x+y"],
    "scale": ["laptop", "a/b", "."],
    "frequencies": ["", "3", "1,2", "2, 5"],
}


def sensible_values(field):
    """Draw values that a field allows, those at its bounds included."""
    if field.kind is bool:
        return st.booleans()
    if field.kind is str:
        return st.sampled_from(sensible_words.get(field.name) or sorted(field.names))
    low, high = field.low or 0, field.high or 10
    if field.kind is float:
        return st.floats(low, high) | st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0])
    if field.name in ("steps", "eval_every", "steps_past_grok", "snapshot_every"):
        return st.integers(1, 20).map(lambda n: 50 * n)
    return st.sampled_from([low, low + 1, high, high + 1]) | st.integers(low, low + 60)


@st.composite
def sensible(draw):
    """Draw a field and a value that it allows, or an axis of such values."""
    field = fields.every()[draw(plain_name.filter(lambda name: name != "chain"))]
    values = sensible_values(field)
    is_axis = field.traced or (not field.shared and draw(st.booleans()))
    if is_axis:
        values = st.lists(values, min_size=1, max_size=3, unique=True).map(tuple)
    return field.name, draw(values)


override = st.one_of(sensible(), sensible(), st.tuples(name, one | several))
parts = st.lists(override, max_size=3).map(dict)
part = st.sampled_from([parts] * 9 + [one]).flatmap(lambda values: values)
chain = st.tuples(st.just("chain"), st.dictionaries(word, part, max_size=3))
config = st.lists(st.one_of(override, override, override, chain), max_size=4)
written = st.one_of(
    st.builds(shown_whole, single | several),
    word,
    st.text(max_size=20),
    st.builds(lambda value: f'"{value}"', word),
    st.builds(
        lambda sign, n: sign * n, st.sampled_from("([{'-1,"), st.integers(1, 300)
    ),
)
"""How a value may be written on a command line."""
words = st.lists(
    st.tuples(name, written) | sensible().map(lambda pair: (pair[0], str(pair[1]))),
    max_size=4,
)


# What draws have found; each was a traceback, or a line that named no field.
@example([("seed", (10**400,))])
@example([("eps", 10**400)])
@example([("seed", range(10**30))])
@example([("modulus", ([7],))])
@example([("scale", [1])])
@example([("chain", 5)])
@example([("chain", {".": {}})])
@example([(":", np.arange(0))])
@example([("\x1f", 0.0), ("\x1f", 2 * 10**308)])
@example([("regime", np.ones((0, 2)))])
@example([("repeat_length", Decimal("sNaN"))])
@example([("begin", ((b"",),))])
@example([("layers", 10**9), ("decay_on", "W_*")])
@example([("task", "digits"), ("digits", 10**9), ("n_train", (9,))])
@pytest.mark.long
@drawn_grids
@given(config)
def test_a_config_made_in_python_is_a_plan_or_one_line(overrides):
    of_python(overrides)


@example([("model", "mlp"), ("d_head", "exact")])
@example([("model", "('mlp', 'transformer')"), ("activation", "gelu")])
@example([("decay_on", "exact")])
@example([("dtype", "float64"), ("decay_on", "W_*")])
@example([("accuracy_threshold", "(" * 231)])
@example([("", "1")])
@pytest.mark.long
@drawn_grids
@given(words)
def test_a_command_line_is_a_plan_or_one_line(overrides):
    # The arguments of a process hold no zero byte.
    of_command_line([(n, t) for n, t in overrides if "\0" not in n + t])
