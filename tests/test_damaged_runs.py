"""Files of a run that were cut, lost or swapped are named, or harmless: never believed.

Each example damages one to three files of a small run, then reads it in every way and
goes on with it.
"""

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jaxgrok
import tiny
from jaxgrok.analyse import __main__ as analyse
from jaxgrok.fleet import chores
from jaxgrok.fleet.chores import Period
from jaxgrok.sweep import coordinator, run
from runs import StopAfter

EXAMPLES = 4
"""`chaos.py --only corruption` tries thousands, of one file each."""
FIELDS = {"seed": (0, 1, 2), "snapshots": "all", "snapshot_every": 20}
FIELDS |= {"snapshot_early_until": 0, "steps": (40,)}
# A run has tens of files: the numbers are taken modulo their count.
numbers = st.integers(0, 1000)
damages = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), numbers, st.floats(0, 0.999)),
        st.tuples(st.just("lose"), numbers),
        st.tuples(st.just("swap"), numbers, numbers),
    ),
    min_size=1,
    max_size=3,
)


def train(out):
    return jaxgrok.run(tiny.config(**FIELDS), out, blocks=1, quiet=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "run"
    train(path)
    return path


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A run with one finished cell and two in flight."""
    path = tmp_path_factory.mktemp("interrupted") / "run"

    @contextlib.contextmanager
    def stopping():
        yield StopAfter(52)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "asked_to_stop", stopping)
        patch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
        for name in ("flush", "save"):
            patch.setitem(chores.PERIODS, name, Period(0.0, spacing=0))
        with pytest.raises(run.Interrupted):
            train(path)
    assert list((path / "resume").glob("*.npz"))
    assert list((path / "final_states").glob("*.npz"))
    return path


def files_of(path):
    return [file for file in sorted(path.rglob("*")) if file.is_file()]


def damage(path, changes):
    """Cut, remove and swap files of a run."""
    for kind, *choices in changes:
        files = files_of(path)
        file = files[choices[0] % len(files)]
        if kind == "cut":
            content = file.read_bytes()
            file.write_bytes(content[: int(choices[1] * len(content))])
        elif kind == "lose":
            file.unlink()
        else:
            other = files[choices[1] % len(files)]
            contents = file.read_bytes(), other.read_bytes()
            file.write_bytes(contents[1])
            other.write_bytes(contents[0])


@contextlib.contextmanager
def named():
    """Accept an error that is one line about a file or folder of the run."""
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        assert "run" in str(error)
        assert len(str(error)) < 500
        assert "\n" not in str(error)


def check_curves(path, whole):
    """What is read of a cell's curve is what was computed, or nothing."""
    dataset, known = jaxgrok.load(path), jaxgrok.load(whole)
    for index, phase in enumerate(dataset.phase.values.ravel()):
        if phase:
            cell, other = (d.isel(seed=index) for d in (dataset, known))
            assert cell.dropna("step", how="all").equals(other)
    table = jaxgrok.cells(path).set_index("cell")
    expected = jaxgrok.cells(whole).set_index("cell")
    for index in table.index:
        assert table.loc[index].equals(expected.loc[index])


def check_snapshots(path, whole):
    """What is read of a snapshot is the network of that step."""
    for index in jaxgrok.open(path).indices_with_snapshots():
        steps, params = jaxgrok.load_trajectory(path, index)
        known_steps, known = jaxgrok.load_trajectory(whole, index)
        assert set(steps) <= set(known_steps)
        rows = [known_steps.tolist().index(step) for step in steps]
        for name, array in params.items():
            np.testing.assert_array_equal(array, known[name][rows])


def check(damaged, whole, folder):
    """Read a damaged run in every way, and go on with it."""
    with named():
        check_curves(damaged, whole)
    with named():
        check_snapshots(damaged, whole)
    arguments = ["analyse", str(damaged), "--cell", "0", "--figures", "attention"]
    assert analyse.main([*arguments, "--out", str(folder / "circuit")]) in (0, 2)
    with named():
        train(damaged)
        check_curves(damaged, whole)
        check_snapshots(damaged, whole)
        assert len(jaxgrok.cells(damaged)) == 3
        assert len(jaxgrok.open(damaged).indices_with_snapshots()) == 3


def try_out(source, whole, changes, folder):
    """Damage a copy of a run, and check it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, Path(folder) / "run")
    damage(folder / "run", changes)
    check(folder / "run", whole, folder)


relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.slow
@relaxed
@given(changes=damages)
def test_a_finished_run(whole, tmp_path, changes):
    try_out(whole, whole, changes, tmp_path / "copy")


@pytest.mark.slow
@relaxed
@given(changes=damages)
def test_an_interrupted_run(whole, interrupted, tmp_path, changes):
    try_out(interrupted, whole, changes, tmp_path / "copy")
