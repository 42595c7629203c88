"""jaxgrok: train tiny networks by the thousand, and see which of them grok.

Axis glossary, for every shape in the package:

`lanes` slots trained side by side · `evals` evaluations of a curve · `examples`
rows of a data set · `pos` positions of a sequence · `read` positions whose logits
are read · `vocab` tokens · `model` residual stream · `heads`, `head` attention
heads and their width · `mlp` hidden neurons · `freq` Fourier frequencies.

    >>> dataset = jaxgrok.run(config, out="runs/mine")
    >>> dataset.test_accuracy.sel(weight_decay=1.0).mean("seed")
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "load",
    "load_params",
    "load_trajectory",
    "losses",
    "models",
    "optimisers",
    "run",
    "tasks",
]

if TYPE_CHECKING:
    from jaxgrok import models, tasks
    from jaxgrok.results.run_directory import load
    from jaxgrok.results.snapshots import load_params, load_trajectory
    from jaxgrok.sweep.run import run
    from jaxgrok.training import losses, optimisers

_MODULES = {
    "losses": "jaxgrok.training.losses",
    "models": "jaxgrok.models",
    "optimisers": "jaxgrok.training.optimisers",
    "tasks": "jaxgrok.tasks",
}
_HOME = {
    "load": "jaxgrok.results.run_directory",
    "load_params": "jaxgrok.results.snapshots",
    "load_trajectory": "jaxgrok.results.snapshots",
    "run": "jaxgrok.sweep.run",
}


def __getattr__(name: str) -> Any:
    """Import lazily: jax takes a second, and `--help` should not."""
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'jaxgrok' has no attribute {name!r}")
