"""The plan is told at once, and its time from the program of one group."""

import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine.platform import Platform
from jaxgrok.host.durations import duration
from jaxgrok.sweep import plan


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(plan, "CALIBRATION_SECONDS", 0.05)


def test_the_outline_compiles_nothing(monkeypatch):
    monkeypatch.setattr(plan, "build", None)
    config = tiny.config(modulus=23, n_train=(10, 40), train_fraction=(), d_mlp=(8, 16))
    lines = plan.outline(grid.resolve(config), None).splitlines()
    assert "4 cells in 4 groups" in lines[0]
    assert lines[1] == (
        "  group 1: 1 cell, n_train 10 padded to 10, 1 block × 2 lanes on 1 device"
    )
    assert lines[5].endswith(" parameters a model") and " to " in lines[5]


def test_of_many_groups_the_first_have_a_line(monkeypatch):
    monkeypatch.setattr(plan, "MOST_GROUPS", 1)
    config = tiny.config(modulus=23, n_train=(10, 40, 99), train_fraction=())
    outline = plan.outline(grid.resolve(config), None)
    assert "  group 1: " in outline and "  group 2: " not in outline
    assert "\n  … 2 more groups\n" in outline


def test_time_comes_from_one_program_the_others_in_proportion(monkeypatch):
    built, build = [], plan.build

    def note(setup, **rest):
        built.append(setup.train_size)
        return build(setup, **rest)

    monkeypatch.setattr(plan, "build", note)
    config = tiny.config(modulus=23, n_train=(10, 40), train_fraction=())
    sizes = sorted(g.setup.train_size for g in grid.resolve(config).groups)
    line = plan.measured(grid.resolve(config), None)
    assert built == sizes[-1:]
    assert line.startswith("about ") or line.startswith("at most ")
    assert "less where cells grok early" in line
    assert " of memory a device (measured on group 2 of 2, which compiled in " in line


def test_the_time_is_that_of_all_groups(monkeypatch):
    monkeypatch.setattr(plan, "_seconds_a_step", lambda *_: 1.0)
    fields = {"modulus": 23, "train_fraction": (), "stop": "steps"}
    one = grid.resolve(tiny.config(**fields, n_train=(40,)))
    two = grid.resolve(tiny.config(**fields, n_train=(40, 80)))
    assert plan.measured(one, None).startswith("about 40 s; ")
    small, large = (group.setup.train_size for group in two.groups)
    seconds = round(40 * (small + large) / large)
    assert plan.measured(two, None).startswith(f"about {duration(seconds)}; ")


def test_the_plan_says_what_the_devices_compute_otherwise():
    outline = plan.outline(grid.resolve(tiny.config(precision="bf16")), None)
    assert "\nprecision=bf16 is emulated on a CPU" in outline


def test_what_the_devices_cannot_compute_is_refused_before_compiling(monkeypatch):
    tpu = Platform("tpu", "TPU v5 lite", 4)
    monkeypatch.setattr(Platform, "of", lambda _: tpu)
    with pytest.raises(ValueError, match="loss='float64' cannot be computed on a TPU"):
        plan.outline(grid.resolve(tiny.config(loss="float64")), None)
