"""Figures on disk.

>>> save(figure, "phase_diagram.png")
"""

import os
from pathlib import Path

from matplotlib.figure import Figure


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG or SVG, whole or not at all."""
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"path = {str(path)!r}: allowed is a name in .png or .svg")
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # Without a date, an SVG of the same results is the same file.
    metadata = {"Date": None} if kind == "svg" else None
    try:
        figure.savefig(
            partial, format=kind, dpi=150, bbox_inches="tight", metadata=metadata
        )
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
