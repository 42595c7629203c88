"""How a grid is trained, whichever it is.

>>> train(config, out, Options(blocks=1, quiet=True))
"""

import dataclasses
from collections.abc import Callable

from jaxgrok.engine.pace import Pace
from jaxgrok.fleet import workers
from jaxgrok.fleet.workers import Workers
from jaxgrok.grid.cells import Grid
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.results.finished_cell import OnCell
from jaxgrok.sweep.longest_first import Everything
from jaxgrok.sweep.queue import Queue


@dataclasses.dataclass(frozen=True)
class Options:
    """The keyword arguments of `jaxgrok.run`, which says what each of them means.

    Raises:
        ValueError: `blocks` or `workers` makes no sense.
    """

    blocks: int | None = None
    quiet: bool = False
    mixed_bits: bool = False
    workers: str | int = "local"
    on_cell: OnCell | None = None
    queue: Callable[[Grid, Pace], Queue] = Everything
    grid_file: GridFile | None = None
    command: str = ""

    def __post_init__(self) -> None:
        if self.blocks is not None and self.blocks < 1:
            raise ValueError(f"blocks={self.blocks} must be at least 1")
        workers.parse(self.workers)

    @property
    def who(self) -> Workers:
        """Who trains."""
        return workers.parse(self.workers)
