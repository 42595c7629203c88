"""The resume state: bitwise, rolling, and whole or not at all."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from jaxgrok.results import resume

ROOT = Path(__file__).parents[2]


def saved(step):
    meta = {"step": step, "cells": ["a", "b"]}
    arrays = {
        "leaves": {"0000": np.arange(6, dtype=np.float32).reshape(2, 3) + step},
        "tracks": {"a": np.float32([[step, 1.5]]), "b": np.int32([step])},
    }
    return meta, arrays


def assert_same_state(found, expected):
    (meta, arrays), (expected_meta, expected_arrays) = found, expected
    assert meta == expected_meta
    for group, tensors in expected_arrays.items():
        assert set(arrays[group]) == set(tensors)
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(np.asarray(arrays[group][name]), tensor)
            assert arrays[group][name].dtype == tensor.dtype


def test_the_state_is_bitwise_and_rolling(tmp_path):
    folder = tmp_path / "resume"
    assert resume.load(folder) is None
    for step in (1, 2):
        resume.save(folder, *saved(step))
        assert_same_state(resume.load(folder), saved(step))
        assert len(list(folder.iterdir())) == 1
    (old,) = folder.iterdir()
    resume.save(folder, *saved(3))
    (new,) = folder.iterdir()
    assert int(new.name) > int(old.name)  # newer, to whoever finds both
    resume.drop(folder)
    assert resume.load(folder) is None
    resume.drop(folder)


def test_a_newer_state_has_a_larger_number_where_the_clock_goes_back(
    tmp_path, monkeypatch
):
    resume.save(tmp_path, *saved(1))
    (old,) = tmp_path.iterdir()
    monkeypatch.setattr(resume.time, "time_ns", lambda: 1)
    resume.save(tmp_path, *saved(2))
    (new,) = tmp_path.iterdir()
    assert int(new.name) > int(old.name)


def test_a_missing_or_unfinished_state_falls_back_to_the_one_before(tmp_path):
    folder = tmp_path / "resume"
    new = two_states(folder, tmp_path)
    assert_same_state(resume.load(folder), saved(2))
    shutil.rmtree(new)
    new.mkdir()
    assert_same_state(resume.load(folder), saved(1))
    (folder / f"{new.name}9.orbax-checkpoint-tmp").mkdir()
    assert_same_state(resume.load(folder), saved(1))
    resume.save(folder, *saved(3))
    assert len(list(folder.iterdir())) == 1
    assert_same_state(resume.load(folder), saved(3))


def test_a_state_with_any_file_cut_is_never_read_wrongly(tmp_path):
    # In a process of its own: orbax leaves unfinished threads behind when it fails.
    program = "import sys, test_resume; test_resume.cut(sys.argv[1])"
    paths = (ROOT, ROOT / "tests", ROOT / "tests" / "results")
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": ":".join(map(str, paths))},
        check=True,
    )


def two_states(folder, tmp_path):
    """Leave states 1 and 2 in a folder; return where the second is."""
    resume.save(folder, *saved(1))
    (old,) = folder.iterdir()
    shutil.copytree(old, tmp_path / "old")
    resume.save(folder, *saved(2))
    (new,) = folder.iterdir()
    assert int(new.name) > int(old.name)
    shutil.copytree(tmp_path / "old", old)
    return new


def cut(tmp_path):
    """Cut each file of the newest state; what is read has to be 1 or 2, whole."""
    tmp_path, steps = Path(tmp_path), []
    folder, whole = tmp_path / "resume", tmp_path / "whole"
    new = two_states(folder, tmp_path)
    shutil.copytree(new, whole)
    for file in filter(Path.is_file, whole.rglob("*")):
        for size in (0, file.stat().st_size // 2):
            shutil.rmtree(new)
            shutil.copytree(whole, new)
            (new / file.relative_to(whole)).write_bytes(file.read_bytes()[:size])
            found = resume.load(folder)
            steps.append(found[0]["step"])
            assert_same_state(found, saved(steps[-1]))
    assert 1 in steps
