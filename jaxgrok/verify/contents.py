"""The files of a run, read to the last byte and compared with their checksums.

>>> check = Check(run_dir)
>>> results = curves(check, manifest)
>>> check.faults
[Fault(file='curves/0179-1.npz', words='is missing')]
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from jaxgrok.grid.cells import Grid
from jaxgrok.grid.resolver import kept
from jaxgrok.grid.snapshot_schedule import Schedule
from jaxgrok.host.error_text import first_line
from jaxgrok.host.files import checked_files
from jaxgrok.host.files.paths import AnyPath, content_of, matches
from jaxgrok.host.files.typed import typed
from jaxgrok.results.files import (
    final_states,
    index,
    manifest_file,
    resume,
    shards,
    snapshot_shards,
    status_file,
)
from jaxgrok.results.files.manifest import Manifest, read_manifest
from jaxgrok.results.files.shards import Result
from jaxgrok.results.rows import (
    CELLS,
    COMPONENTS,
    CROSSOVER,
    component_table,
    table,
    table_bytes,
)
from jaxgrok.results.snapshots import SnapshotIndex
from jaxgrok.results.wanted_snapshots import lacking

_SCHEDULE = dataclasses.fields(Schedule)


class Fault(NamedTuple):
    """What is wrong with a file, named relative to the run directory."""

    file: str
    words: str


class Check:
    """What was read of a run directory, and what is wrong with it.

    Attributes:
        path: the run directory.
        files: how many files were read.
        faults: what is wrong.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = path
        self.files = 0
        self.faults: list[Fault] = []

    def fault(self, file: str, words: str) -> None:
        """Take note of a fault."""
        self.faults.append(Fault(file, words))

    def each(self, files: Iterable[AnyPath], read: Callable[[AnyPath], object]) -> None:
        """Read files; those that raise a ValueError or are unreadable are damaged."""
        for file in files:
            self.files += 1
            try:
                read(file)
            except FileNotFoundError:
                self.files -= 1  # a run that trains has replaced it
            except (ValueError, OSError) as error:
                name = f"{file.parent.name}/{file.name}"
                is_system = isinstance(error, OSError)
                self.fault(name, str(error) if is_system else "is damaged")


def curves(check: Check, manifest: Manifest) -> dict[str, Result]:
    """Check the shards of curves; return the results of those that are whole."""
    path = check.path
    known = _index(check, manifest).curves
    results: dict[str, Result] = {}

    def read(file: AnyPath) -> None:
        results.update(shards.read_shard(file, known))

    files = shards.shards(path)
    check.each(files, read)
    names = {file.name for file in files}
    for name in sorted(known.keys() - names):
        check.fault(f"{shards.FOLDER}/{name}", "is missing")
    if manifest.is_sealed and names - known.keys():
        # A run that trains may have written one since.
        for name in sorted(names - _index(check, manifest, again=True).curves.keys()):
            words = f"is not in {index.FILE}; the same command enters it"
            check.fault(f"{shards.FOLDER}/{name}", words)
    return results


def _index(check: Check, manifest: Manifest, *, again: bool = False) -> index.Index:
    """Return the index; an empty one where it is damaged, missing, or there is none."""
    check.files += not again
    try:
        found = index.read(check.path)
    except ValueError:
        found = None
        fault = "is damaged"
    else:
        fault = "is missing"
    if found is None and manifest.is_sealed and not again:
        check.fault(index.FILE, f"{fault}; {index.WAY_OUT}")
    return found or index.Index()


def is_search(check: Check) -> bool:
    """Tell whether a run is a finished search, which trains only some of its cells."""
    try:
        return index.has_table(check.path, CROSSOVER)
    except ValueError:  # a fault of the index
        return (check.path / CROSSOVER).exists()


def manifests(check: Check, manifest: Manifest) -> None:
    """Check the manifest and its copy, one of which could be read."""
    for reading in manifest_file.readings(check.path):
        if manifest.is_sealed or reading.file.name == manifest_file.FILE:
            check.files += 1
            if reading.fault:
                check.fault(reading.file.name, reading.fault)


def lanes(check: Check) -> None:
    """Check what cells go on from."""
    path = check.path
    check.each(matches(path / resume.FOLDER, "[!.]*.npz"), resume.check)
    states = matches(path / final_states.FOLDER, "[!.]*.npz")
    check.each(states, final_states.check_lanes)


def snapshots(
    check: Check, manifest: Manifest, results: Mapping[str, Result]
) -> frozenset[str]:
    """Check the snapshots, and that none is missing that the grid asks for.

    Returns:
        The cells that a sweep trains again for them, or would if nobody had killed it.
    """
    n_faults = len(check.faults)
    # Before the list: what leaves the index is removed afterwards.
    known = _snapshots(check, manifest)

    def read(file: AnyPath) -> None:
        shard = snapshot_shards.read_shard(file)
        # One that is relabelled meanwhile is in the next index.
        if not shard.fits(known) and not shard.fits(_snapshots(check, manifest)):
            raise ValueError("it is another shard")
        shard.arrays(shard.steps)

    files = snapshot_shards.descriptions(check.path)
    check.each(files, read)
    gone = known.keys() - {file.name for file in files}
    if gone:
        gone.intersection_update(_snapshots(check, manifest))
    for name in sorted(gone):
        check.fault(f"{snapshot_shards.FOLDER}/{name}", "is missing")
    if len(check.faults) > n_faults:
        return frozenset()
    steps = SnapshotIndex(check.path, indexed=False).every()
    try:
        grid = _grid(manifest)
    except ValueError as error:
        check.fault(manifest_file.FILE, f"makes no sense ({first_line(error)})")
        return frozenset()
    missing = lacking(grid, manifest, results, steps)
    # A sweep that wants more snapshots than the last one, or fewer, begins with this.
    if missing and manifest.ended and read_manifest(check.path).ended:
        words = f"lack snapshots of {len(missing):,} finished cells"
        check.fault(snapshot_shards.FOLDER, words)
        return frozenset()
    return missing


def _snapshots(check: Check, manifest: Manifest) -> dict[str, str]:
    """Return the fingerprints of the shards of snapshots, as the index is now."""
    return _index(check, manifest, again=True).snapshots


def _grid(manifest: Manifest) -> Grid:
    """Return what a manifest says of its grid, without the groups' programs."""
    config = manifest.config
    fields = {field.name: f"snapshot_{field.name}" for field in _SCHEDULE}
    return Grid(
        config=config,
        title=manifest.title,
        axes=manifest.axes,
        dims=manifest.dims,
        cells=manifest.cells,
        groups=(),
        schedule=Schedule(
            **{name: config[key] for name, key in fields.items() if key in config}
        ),
        kept=kept(typed(config.get("snapshots", "none"), str), manifest.cells),
    )


def tables(
    check: Check, manifest: Manifest, results: Mapping[str, Result], *, is_over: bool
) -> None:
    """Check the tables, of which those of cells follow from the curves.

    While cells train the tables may lag behind.
    """
    names = [CELLS, COMPONENTS, CROSSOVER]
    present = [name for name in names if (check.path / name).exists()]
    faulty = set()
    for name in names if manifest.is_sealed else []:
        try:
            words = index.table_words(check.path, name)
        except ValueError:
            break  # the index is damaged, which was said
        if words:
            faulty.add(name)
            check.fault(name, words.partition(f"{name} ")[2])
    check.files += len(present)
    is_whole = not any(fault.file.startswith(shards.FOLDER) for fault in check.faults)
    if not is_over or not is_whole:
        return
    rows = table(manifest, results), component_table(manifest, results)
    for name, content in table_bytes(manifest.axes, *rows).items():
        path = check.path / name
        if name in faulty:
            continue
        if not path.exists() or content_of(path) != content:
            check.fault(name, "is not what the curves say; the same command mends it")


def analyses(check: Check) -> None:
    """Check what analyses left beside the results."""
    for file in checked_files.checked_files(check.path):
        check.files += 1
        if words := checked_files.fault(file):
            check.fault(file.name, words)


def status(check: Check) -> None:
    """Check status.json, if there is one."""
    if status_file.exists(check.path):
        check.files += 1
        if status_file.read(check.path) is None and status_file.exists(check.path):
            check.fault(status_file.FILE, "is damaged")
