"""Write figures to disk.

>>> save(figure, "phase_diagram.png")
"""

import os
from pathlib import Path

from matplotlib.figure import Figure

KINDS = ("png", "svg")


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG or SVG: the whole file or, on failure, nothing.

    Args:
        figure: to write.
        path: of the file; its suffix decides the kind.

    Raises:
        ValueError: for another suffix.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise ValueError(f"path={str(path)!r} must end in .png or .svg")
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
