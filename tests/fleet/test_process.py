"""A worker process looks for a coordinator, works for it, and ends with one line."""

import pytest

from jaxgrok.fleet import process, rendezvous
from jaxgrok.fleet.node import Outcome
from jaxgrok.fleet.rendezvous import Rendezvous

MEETING = Rendezvous("tls://127.0.0.1:9", "nonce", "certificate", "key")


@pytest.fixture
def outcomes(monkeypatch, tmp_path):
    """What the connections to come end with; an error is raised."""
    rendezvous.write(tmp_path, MEETING)
    ends, names = Ends(), []

    class Node:
        def __init__(self, meeting, run_dir, name):
            assert (meeting, run_dir) == (MEETING, tmp_path)
            names.append(name)
            self.outcome, self.cause = Outcome.LOST, "because"

        async def serve(self):
            end = ends.pop(0) if ends else OSError("nobody")
            if isinstance(end, Exception):
                raise end
            self.outcome = end

    monkeypatch.setattr(process, "Node", Node)
    monkeypatch.setattr(process, "LOOK_SECONDS", 0.0)
    ends.names, ends.folder = names, tmp_path
    return ends


class Ends(list):
    """A list that may have attributes."""


def work(outcomes, *, wait=0.0, patience=0.0):
    return process.work(
        str(outcomes.folder), wait=wait, patience=patience, name="one/two"
    )


@pytest.mark.parametrize(
    ("outcome", "code"), [(Outcome.DONE, 0), (Outcome.LEFT, 143)], ids=str
)
def test_the_exit_code_says_how_it_ended(outcomes, outcome, code):
    outcomes.append(outcome)
    assert work(outcomes) == code
    assert outcomes.names == ["one-two"]


def test_one_that_is_refused_says_why(outcomes):
    outcomes.append(Outcome.REFUSED)
    with pytest.raises(ValueError, match="one-two is refused: because"):
        work(outcomes)


def test_without_a_coordinator_it_says_how_to_start_one(outcomes):
    with pytest.raises(ValueError, match="no coordinator answers; start one with"):
        work(outcomes, wait=0.2)
    assert len(outcomes.names) > 1  # it has tried until the end
    (outcomes.folder / rendezvous.FILE).unlink()
    with pytest.raises(ValueError, match="no coordinator answers"):
        work(outcomes)


def test_one_that_cannot_be_trusted_is_refused_at_once(outcomes):
    (outcomes.folder / rendezvous.FILE).chmod(0o666)
    with pytest.raises(ValueError, match="can be written by others"):
        work(outcomes, wait=60.0)


def test_where_one_is_lost_another_is_looked_for_under_another_name(outcomes, capsys):
    outcomes.extend([Outcome.LOST, OSError("not yet"), Outcome.LOST, Outcome.DONE])
    assert work(outcomes, patience=60.0) == 0
    assert outcomes.names == ["one-two", "one-two-1", "one-two-1", "one-two-2"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "one-two: the coordinator is lost" in lines[0]


def test_one_that_was_given_up_ends_with_the_sweep(outcomes, monkeypatch, capsys):
    class RunEnd:
        """Has come once no coordinator answers."""

        def __init__(self, folder):
            assert folder == outcomes.folder

        def has_come(self):
            return not outcomes

    monkeypatch.setattr(process, "RunEnd", RunEnd)
    outcomes.extend([Outcome.LOST, OSError("not any more")])
    assert work(outcomes, patience=60.0) == 0
    lost, ended = capsys.readouterr().err.splitlines()
    assert "is lost" in lost and ended == "one-two: the sweep has ended"


def test_in_the_end_it_gives_up(outcomes, capsys):
    outcomes.append(Outcome.LOST)
    assert work(outcomes) == 1
    assert capsys.readouterr().err.endswith("one-two: no other coordinator came\n")
