"""Who trains a run, and the grid as it is resolved for what they compute on.

>>> with Crew(config, options, platform) as crew:
...     grid, platform = crew.gather(run_dir, stop)
...     fleet = crew.begin(run_dir, grid)
"""

import contextlib
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import ml_collections

from jaxgrok.engine import sizing
from jaxgrok.engine.at_once import AtOnce
from jaxgrok.engine.engine import Engine
from jaxgrok.engine.platform import Platform, refuse
from jaxgrok.fleet.hello import Hello
from jaxgrok.fleet.job import describe
from jaxgrok.fleet.local import LocalFleet
from jaxgrok.fleet.protocol import Fleet
from jaxgrok.fleet.worker import Worker
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.grid.resolver import resolve
from jaxgrok.host import machine
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.host.signals import Stop
from jaxgrok.sweep.options import Options

if TYPE_CHECKING:
    from jaxgrok.fleet.dask_fleet import DaskFleet


class Resolved(NamedTuple):
    """A grid, and the devices that it is resolved for: they decide widths of blocks."""

    grid: Grid
    platform: Platform


class Crew:
    """Those who train a run: this process, its children, or whoever connects.

    A context; behind it, all workers are let go.

    Args:
        config: of the grid.
        options: of the run.
        platform: what the crew computes on; None if its first worker has to say.

    Attributes:
        resolved: the grid; None until the platform is known.

    Raises:
        ValueError: the config makes no sense, or not on that platform.
    """

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        options: Options,
        platform: Platform | None,
    ) -> None:
        self._config, self._options, self._who = config, options, options.who
        self.resolved = self._resolve(platform) if platform else None
        self._remote: DaskFleet | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def gather(self, run_dir: AnyPath, stop: Stop) -> Resolved | None:
        """Let workers come, and wait for one if only it knows what it computes on.

        Returns:
            The grid for these workers; None if the user stopped the wait for them.
        """
        if self._who.is_local:
            return self.resolved
        # Imported late: most sweeps need neither the package nor the time it takes.
        from jaxgrok.fleet.dask_fleet import DaskFleet

        platform = self.resolved.platform if self.resolved else None
        self._remote = DaskFleet(run_dir, self._who, platform)
        self._stack.enter_context(self._remote)
        if not self.resolved and (first := self._first_worker(self._remote, stop)):
            there = machine.elsewhere(first.platform.name, first.bits)
            self._stack.enter_context(there)
            self.resolved = self._resolve(first.platform)
        return self.resolved

    def begin(self, run_dir: AnyPath, grid: Grid) -> Fleet:
        """Return the crew as a fleet that is told what to train."""
        options = self._options
        if self._remote:
            job = describe(self._config, grid, options.grid_file)
            self._remote.begin(job, machine.bits(), mixed_bits=options.mixed_bits)
            return self._remote
        return self._stack.enter_context(closing(_local(grid, run_dir, options.blocks)))

    def _first_worker(self, fleet: "DaskFleet", stop: Stop) -> Hello | None:
        """Wait for the first worker: the grid is resolved for what it computes on."""
        if not self._options.quiet:
            words = f"waiting for workers: {fleet.invitation}"
            print(words, file=sys.stderr, flush=True)
        while not stop.is_set():
            if hello := fleet.first_hello():
                return hello
        return None

    def _resolve(self, platform: Platform) -> Resolved:
        """Resolve the config; refuse what the devices cannot train."""
        grid = resolve(self._config)
        setups = [group.setup for group in grid.groups]
        refuse(setups, platform)
        # The devices of others cannot be asked for their memory.
        if self._who.is_local:
            widths = [group.block_width for group in grid.groups]
            blocks = zip(setups, widths, strict=True)
            sizing.refuse_too_wide(blocks, jax.local_devices()[0])
        return Resolved(grid, platform)


def _local(grid: Grid, run_dir: AnyPath, blocks: int | None) -> LocalFleet:
    """Let this process train, on all devices of this machine."""

    def engine(group: Group, n_cells: int, at_most: AtOnce | None) -> Engine:
        return sizing.build(
            group.setup,
            block_width=group.block_width,
            cells=n_cells,
            blocks=blocks,
            at_most=at_most,
        )

    return LocalFleet(Worker(grid, [engine], run_dir))
