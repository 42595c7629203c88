"""Cells that failed are named in one line, and decide the exit code."""

import numpy as np
import pytest
from drawn import SHAPE, phase_table

from jaxgrok.sweep import failures


def table(*failed):
    status = np.full(SHAPE, "done", object)
    status.flat[list(failed)] = "failed"
    cause = np.where(status == "failed", "out of memory", "").astype(object)
    return phase_table(status=status, cause=cause)


def test_without_a_failure_nothing_is_said(capsys):
    assert failures.report(table()) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (
            (5,),
            "1 cell failed: 5 (weight_decay=0.1, train_fraction=0.3, seed=1): "
            "out of memory; the same command tries again\n",
        ),
        (range(9), "9 cells failed: 0 (weight_decay=0.0, train_fraction=0.3, seed=0)"),
    ],
)
def test_failed_cells_are_named(capsys, failed, words):
    assert failures.report(table(*failed)) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(words) and said.err.count("\n") == 1
    assert ("…" in said.err) == (len(failed) > failures.MOST_NAMED)
