"""Which cells lack snapshots that their grid asks for.

>>> lacking(grid, manifest, results, snapshot_steps)
frozenset({'3f0a'})
"""

from collections.abc import Mapping, Set

from jaxgrok.grid.cells import Grid
from jaxgrok.grid.snapshot_schedule import Schedule
from jaxgrok.results.files.manifest import Manifest
from jaxgrok.results.files.shards import OVER, Result
from jaxgrok.results.rows import cell_row

SnapshotSteps = Mapping[str, Set[int]]
"""Training, by kin → steps of the snapshots that there are."""


def lacking(
    grid: Grid,
    manifest: Manifest,
    results: Mapping[str, Result],
    snapshot_steps: SnapshotSteps,
) -> frozenset[str]:
    """Return the finished cells whose snapshots are wanted but absent.

    Args:
        grid: says which snapshots are wanted.
        manifest: of the grid.
        results: by cell id.
        snapshot_steps: of the snapshots that there are.
    """
    # With `phases` one training of each phase has to have them, whichever it is.
    one_a_phase = grid.config["snapshots"] == "phases"
    bare: list[str] = []
    of_phase: dict[str, str] = {}
    phases: set[str] = set()
    for index, cell in enumerate(grid.cells):
        result = results.get(cell.id)
        if result is None or result.status not in OVER or cell.kin not in grid.kept:
            continue
        phase = cell_row(manifest, index, result)["phase"] if one_a_phase else ""
        if _is_complete(
            grid.schedule, result, snapshot_steps.get(cell.kin, frozenset())
        ):
            phases.add(phase)
        else:
            bare.append(cell.id)
            of_phase.setdefault(phase, cell.id)
    if not one_a_phase:
        return frozenset(bare)
    return frozenset(id for phase, id in of_phase.items() if phase not in phases)


def has_all(schedule: Schedule, step: int, steps: Set[int]) -> bool:
    """Tell whether a training has every snapshot that was due up to a step."""
    return all(due in steps for due in schedule.steps(step))


def _is_complete(schedule: Schedule, result: Result, steps: Set[int]) -> bool:
    """Tell whether a finished cell has every snapshot that it should have."""
    # A diverged cell leaves as many as were finite: none is missed after the first.
    if result.status == "diverged" or not len(result.records):
        return 0 in steps
    last = int(result.curve("step")[-1])
    return last in steps and has_all(schedule, last, steps)
