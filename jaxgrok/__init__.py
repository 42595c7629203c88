"""jaxgrok: train tiny networks by the thousand, and see which of them grok.

`__all__` is the public surface; every other name of the package may change without
notice. Names are imported when they are first used: `import jaxgrok` is fast.

Axis glossary, for every shape in the package:

`lanes` slots trained side by side · `evals` evaluations of a curve · `examples`
rows of a data set · `pos` positions of a sequence · `read` positions whose logits
are read · `vocab` tokens · `model` residual stream · `heads`, `head` attention
heads and their width · `mlp` hidden neurons · `freq` Fourier frequencies · `snaps`
snapshots of a training.

    >>> dataset = jaxgrok.run(config, out="runs/mine")
    >>> dataset.test_accuracy.sel(weight_decay=1.0).mean("seed")
    >>> jaxgrok.open("runs/mine").cell("seed=0").circuit().key_frequencies
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Run",
    "cells",
    "compare",
    "curves",
    "export_weights",
    "figures",
    "find_crossover",
    "grid",
    "load",
    "load_params",
    "load_trajectory",
    "losses",
    "measures",
    "models",
    "open",
    "optimisers",
    "prepare",
    "read_circuit",
    "run",
    "tasks",
]

# For type checkers and editors: at run time, `__getattr__` imports these.
if TYPE_CHECKING:
    from jaxgrok import grid, models, tasks
    from jaxgrok.analyse.circuits import read_circuit
    from jaxgrok.comparison.compare import compare
    from jaxgrok.crossover.find import find as find_crossover
    from jaxgrok.export.weights import export_weights
    from jaxgrok.host.machine import prepare
    from jaxgrok.plots.run_figures import figures
    from jaxgrok.results.run import (
        Run,
        cells,
        curves,
        load,
        load_params,
        load_trajectory,
    )
    from jaxgrok.results.run import open_run as open
    from jaxgrok.sweep.run import run
    from jaxgrok.training import losses, measures, optimisers

_MODULES = {
    "grid": "jaxgrok.grid",
    "losses": "jaxgrok.training.losses",
    "measures": "jaxgrok.training.measures",
    "models": "jaxgrok.models",
    "optimisers": "jaxgrok.training.optimisers",
    "tasks": "jaxgrok.tasks",
}
"""Public name → the module that it stands for."""
# No module of the package may have one of these names: once it is imported, Python
# would put the module in place of the function.
_OBJECTS = {
    "Run": ("jaxgrok.results.run", "Run"),
    "cells": ("jaxgrok.results.run", "cells"),
    "compare": ("jaxgrok.comparison.compare", "compare"),
    "curves": ("jaxgrok.results.run", "curves"),
    "export_weights": ("jaxgrok.export.weights", "export_weights"),
    "figures": ("jaxgrok.plots.run_figures", "figures"),
    "find_crossover": ("jaxgrok.crossover.find", "find"),
    "load": ("jaxgrok.results.run", "load"),
    "load_params": ("jaxgrok.results.run", "load_params"),
    "load_trajectory": ("jaxgrok.results.run", "load_trajectory"),
    "open": ("jaxgrok.results.run", "open_run"),
    "prepare": ("jaxgrok.host.machine", "prepare"),
    "read_circuit": ("jaxgrok.analyse.circuits", "read_circuit"),
    "run": ("jaxgrok.sweep.run", "run"),
}
"""Public name → the module that defines it, and its name there."""


def __getattr__(name: str) -> Any:
    """Import a public name lazily: jax takes a second, and `--help` should not."""
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name in _OBJECTS:
        module, attribute = _OBJECTS[name]
        return getattr(importlib.import_module(module), attribute)
    raise AttributeError(f"module 'jaxgrok' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public surface, imported or not."""
    return sorted({*globals(), *__all__})
