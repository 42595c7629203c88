"""What a worker elsewhere is told of a run, and the worker that this makes.

>>> message = describe(config, grid, grid_file)
>>> report = worker(message, run_dir).greet()
"""

import functools
import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from jaxgrok.engine import sizing
from jaxgrok.engine.at_once import AtOnce
from jaxgrok.engine.engine import Engine
from jaxgrok.fleet.messages import Job
from jaxgrok.fleet.worker import Worker
from jaxgrok.grid import grid_file as grid_files
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.grid.resolver import resolve
from jaxgrok.host.files.paths import AnyPath


def describe(
    config: ml_collections.ConfigDict, grid: Grid, grid_file: GridFile | None
) -> Job:
    """Return what to tell workers of a run, but for their names and the nonce."""
    return Job(
        config=_plain(config.to_dict()),
        grid_file=grid_file.text if grid_file else "",
        grid_path=grid_file.path if grid_file else "",
        cells=_hash(grid),
        worker="",
        nonce="",
    )


def worker(job: Job, run_dir: AnyPath) -> Worker:
    """Make the worker of a job, with a seat for each device of this machine.

    Raises:
        ValueError: the grid is another one here.
    """
    if job.grid_file:
        _register(job.grid_file, Path(job.grid_path))
    grid = resolve(ml_collections.ConfigDict(job.config))
    if _hash(grid) != job.cells:
        raise ValueError("its cells are other ones, of another version or grid file")
    engines = [functools.partial(_engine, device) for device in jax.local_devices()]
    return Worker(grid, engines, run_dir, job.worker, is_elsewhere=True)


def _engine(
    device: jax.Device, group: Group, n_cells: int, at_most: AtOnce | None
) -> Engine:
    """Build the engine of a group on one device."""
    return sizing.build(
        group.setup,
        block_width=group.block_width,
        cells=n_cells,
        blocks=None,
        devices=[device],
        at_most=at_most,
    )


def _register(text: str, path: Path) -> None:
    """Run a grid file for what it registers; where it lies, if it is the same here.

    There it finds the files beside it, which it may import.
    """
    if path.is_file() and path.read_bytes().decode(errors="replace") == text:
        grid_files.load_registrations(str(path))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "grid.py"
        file.write_text(text, encoding="utf-8")
        grid_files.load_registrations(str(file))


def _hash(grid: Grid) -> str:
    """Return a hash of the cells, their order, groups and block widths."""
    groups = [
        [group.block_width, [cell.id for cell in group.cells]] for group in grid.groups
    ]
    return hashlib.sha256(json.dumps(groups).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value of a config as numbers, text, lists, tuples and dicts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return _plain(np.asarray(value).tolist())
    return value
