"""Write figures to disk.

>>> save(figure, "phase_diagram.png")
"""

import matplotlib
from matplotlib.figure import Figure

from jaxgrok.host.files.atomic_files import atomic_path
from jaxgrok.host.files.paths import AnyPath, UserPath, as_path

KINDS = ("png", "svg", "pdf")

UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Without a date, a figure of the same results is the same file."""


def check_kind(path: AnyPath) -> str:
    """Return the kind of file that a path asks for; ValueError for an unknown one."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise ValueError(f"path={str(path)!r} must end in .png, .svg or .pdf")
    return kind


def save(figure: Figure, path: UserPath) -> None:
    """Write a figure as PNG, SVG or PDF: the whole file or, on failure, nothing.

    Args:
        figure: to write.
        path: of the file; its suffix decides the kind.

    Raises:
        ValueError: for another suffix.
    """
    path = as_path(path)
    kind = check_kind(path)
    metadata = UNDATED.get(kind)
    # Without a salt, names inside an SVG would be random.
    salted = matplotlib.rc_context({"svg.hashsalt": "jaxgrok"})
    with atomic_path(path) as partial, salted:
        figure.savefig(
            partial, format=kind, dpi=150, bbox_inches="tight", metadata=metadata
        )
