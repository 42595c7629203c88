"""What a sweep says of itself while it trains."""

import errno
import json

import pytest
from handmade import result

import tiny
from jaxgrok import grid
from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.messages import Dispatch, Loss, Progress, Report
from jaxgrok.host.durations import TimeLeft
from jaxgrok.results.files.manifest import describe
from jaxgrok.results.files.status_file import WorkerStatus, read
from jaxgrok.results.rows import cell_row
from jaxgrok.sweep import display as module
from jaxgrok.sweep.display import Display
from jaxgrok.sweep.members import Member

CPU = Platform("cpu", "cpu", 2)
PROGRESS = Progress(group=0, lanes=4, busy={"x": 1, "y": 2, "z": 3})
MOVED = PROGRESS._replace(dispatch=Dispatch(10, 30, 40, 0.5))


def member(*seats, name="a"):
    return Member(Report(name, CPU, dict(enumerate(seats))))


@pytest.fixture
def resolved():
    return grid.resolve(tiny.config(seed=(0, 1, 2)))


def row(resolved, index, **fields):
    manifest = describe(resolved)
    one = result(manifest.cells[index], **fields)
    return cell_row(manifest, index, one)


def test_the_headline_counts_what_earlier_runs_have_done(resolved, tmp_path, capsys):
    display = Display(resolved, 3, [row(resolved, 0)], tmp_path)
    display.headline(CPU)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("laptop scale on 2 × cpu: 3 cells (1 done) in 1 group, ")


@pytest.mark.parametrize("total", [None, 1])
def test_there_is_no_headline_for_a_search_or_where_nothing_is_left(
    resolved, tmp_path, capsys, total
):
    Display(resolved, total, [row(resolved, 0)], tmp_path).headline(CPU)
    assert capsys.readouterr().err == ""


def test_what_short_memory_changes_is_said_once_and_in_the_status(
    resolved, tmp_path, capsys
):
    short = "memory is short: one device evaluates after the other"
    with Display(resolved, 3, [], tmp_path) as display:
        display.short_of_memory(Progress(0))
        display.write_status()
        assert read(tmp_path).memory == ""
        display.short_of_memory(Progress(retreats=True))
        for _ in range(2):
            display.short_of_memory(Progress(0, short=short))
        display.write_status()
        assert read(tmp_path).memory == short
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "memory" in line] == [
        "memory ran out: its cells go on from where they were saved",
        short,
    ]


def test_the_status_is_the_sum_of_the_workers(resolved, tmp_path):
    with Display(resolved, 3, [], tmp_path, quiet=True) as display:
        display.moved([member(MOVED)], TimeLeft(40, 80))
        other = member(MOVED._replace(busy={"w": 1}), name="b")
        display.moved([member(MOVED), other], TimeLeft(30, 70))
        display.ended(row(resolved, 0), None)
        display.failed("out of memory", 2)
        display.write_status()
        live = read(tmp_path)
        assert live.counts == {"confusion": 1, "failed": 2}
        assert (live.busy, live.lanes, live.pace) == (4, 8, 120)
        assert (live.left, live.last_failure) == ((30, 70), "out of memory")
        assert live.workers == (
            WorkerStatus("a", "2 × cpu", 3, 4, 0, 60.0),
            WorkerStatus("b", "2 × cpu", 1, 4, 0, 60.0),
        )
        assert json.loads((tmp_path / "status.json").read_text())["busy"] == 4
    assert read(tmp_path) is None


def test_a_worker_is_the_sum_of_its_seats(resolved, tmp_path):
    with Display(resolved, 3, [], tmp_path, quiet=True) as display:
        idle = Progress()
        display.moved([member(idle, MOVED, MOVED._replace(group=1))], None)
        display.write_status()
        live = read(tmp_path)
        assert live.workers == (WorkerStatus("a", "2 × cpu", 6, 8, 0, 120.0),)
        assert (live.busy, live.lanes, live.pace) == (6, 8, 120)


def test_a_worker_that_is_lost_is_named_and_counts_no_more(resolved, tmp_path, capsys):
    with Display(resolved, 3, [], tmp_path) as display:
        display.moved([member(MOVED), member(MOVED, name="b")], None)
        capsys.readouterr()
        display.lost(Loss("b", "killed"))
        assert "b is gone: killed\n" in capsys.readouterr().err
        display.moved([member(MOVED)], None)
        display.write_status()
        assert [worker.name for worker in read(tmp_path).workers] == ["a"]


def test_a_disk_that_refuses_the_status_stops_nothing(resolved, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.status_file, "write", refuse)
    monkeypatch.setattr(module.status_file, "remove", refuse)
    with Display(resolved, 3, [], tmp_path, quiet=True) as display:
        display.write_status()


def test_a_sweep_of_many_hours_is_warned_of_once(resolved, tmp_path, capsys):
    with Display(resolved, 3, [], tmp_path) as display:
        display.moved([member(PROGRESS)], None)
        for _ in range(2):
            display.moved([member(MOVED)], TimeLeft(20_000, 30_000))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("warning: 5 h 30 min to 8 h 20 min on this CPU; fewer")
