"""Packages of other tools, which come with extras of their own.

>>> needed("wandb", extra="wandb")
"""

import importlib
from types import ModuleType


def needed(name: str, *, extra: str) -> ModuleType:
    """Import a package.

    Args:
        name: of its module.
        extra: of jaxgrok that brings it.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ValueError(
            f"{name} is not installed: pip install 'jaxgrok[{extra}]'"
        ) from None
