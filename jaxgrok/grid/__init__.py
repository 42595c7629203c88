"""What to train: from the fields of a config to cells and groups of cells.

>>> config = grid.base("laptop")
>>> config.weight_decay = (0.1, 1.0)
>>> resolved = grid.resolve(config)
"""

import importlib
from typing import TYPE_CHECKING, Any

__all__ = ["Cell", "Grid", "Group", "base", "load_registrations", "resolve", "sizes"]

# Type checkers do not follow `__getattr__`.
if TYPE_CHECKING:
    from jaxgrok.grid.cells import Cell, Grid, Group
    from jaxgrok.grid.grid_file import load_registrations
    from jaxgrok.grid.presets import base
    from jaxgrok.grid.resolver import resolve
    from jaxgrok.grid.train_sizes import sizes

_HOME = {
    "Cell": "jaxgrok.grid.cells",
    "Grid": "jaxgrok.grid.cells",
    "Group": "jaxgrok.grid.cells",
    "base": "jaxgrok.grid.presets",
    "load_registrations": "jaxgrok.grid.grid_file",
    "resolve": "jaxgrok.grid.resolver",
    "sizes": "jaxgrok.grid.train_sizes",
}


def __getattr__(name: str) -> Any:
    """Import lazily: a command's `--help` should not wait for jax."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'jaxgrok.grid' has no attribute {name!r}")
