"""Workers with other bits are found by what they compute, whatever they say."""

import pytest
from fleets import CPU

from jaxgrok.fleet.messages import Progress, Report
from jaxgrok.sweep.canaries import Canaries


def report(worker, *songs, group=0):
    """A report whose seats have opened groups, one after another."""
    seats = {i: Progress(group + i, canary=song) for i, song in enumerate(songs)}
    return Report(worker, CPU, seats)


def test_equal_songs_are_equal_bits():
    canaries = Canaries()
    for worker in "abc":
        assert canaries.fault(report(worker, "x", "y")) == ""


def test_another_song_is_refused_and_the_first_is_named():
    canaries = Canaries()
    assert canaries.fault(report("a", "x")) == ""
    assert canaries.fault(report("b", "y")) == (
        "its results differ from those of a in their last bits"
    )
    # The first one counts, whoever comes after.
    assert canaries.fault(report("c", "x")) == ""
    assert canaries.fault(report("b", "y"))


def test_each_group_has_its_own():
    canaries = Canaries()
    assert canaries.fault(report("a", "x", group=0)) == ""
    assert canaries.fault(report("b", "y", group=1)) == ""
    assert "those of a " in canaries.fault(report("b", "y", group=0))
    assert "those of b " in canaries.fault(report("a", "x", group=1))


def test_two_seats_of_one_worker_may_differ_too():
    canaries = Canaries()
    canaries.fault(report("a", "x"))
    seats = {0: Progress(0, canary="x"), 1: Progress(0, canary="y")}
    assert canaries.fault(Report("a", CPU, seats))


@pytest.mark.parametrize("mixed_bits", [False, True])
def test_who_does_not_sing_is_not_judged(mixed_bits):
    canaries = Canaries(mixed_bits=mixed_bits)
    canaries.fault(report("a", "x"))
    assert canaries.fault(report("b", "")) == ""
    assert canaries.fault(Report("c", CPU, {0: Progress()})) == ""


def test_mixed_bits_are_admitted():
    canaries = Canaries(mixed_bits=True)
    assert not any(canaries.fault(report(worker, worker)) for worker in "abc")
