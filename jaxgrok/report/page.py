"""Write the report of one run, or of several to compare, as one HTML file.

>>> write(Path("runs/mine/report.html"), [RunData.of(jaxgrok.open("runs/mine"))])
"""

import base64
import functools
import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jaxgrok.host.files.atomic_files import write_atomically
from jaxgrok.host.files.paths import AnyPath, UserPath
from jaxgrok.report.data import RunData, blob_of
from jaxgrok.results.run import open_run

FILE = "report.html"
"""Name of the page in a run directory."""
SCRIPTS = (
    "data",
    "texts",
    "squares",
    "look",
    "diagram",
    "boundaries",
    "legend",
    "keyboard",
    "series",
    "plots",
    "panels",
    "members",
    "tables",
    "fourier",
    "heads",
    "circuits",
    "facts",
    "state",
    "controls",
    "opened",
    "main",
)
"""The page's own scripts, in the order in which they need each other."""
PLOTLY = "plotly-cartesian.min.js"
_ASSETS = Path(__file__).parent / "assets"


def write(path: AnyPath, runs: Sequence[RunData]) -> AnyPath:
    """Write the page of these runs, atomically, and return its path.

    Raises:
        ValueError: a run has no cells, or the axes of the runs differ.
    """
    write_atomically(path, html(runs))
    return path


def rewrite(folder: UserPath) -> AnyPath:
    """Write the page of a run directory again, from what lies there now."""
    run = open_run(folder)
    return write(run.path / FILE, [RunData.of(run)])


def html(runs: Sequence[RunData]) -> bytes:
    """Return the page of these runs."""
    return fill(blob_of(runs))


def fill(blob: bytes) -> bytes:
    """Return the template with the data, plotly.js and the page's own code in it."""
    code = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    parts = {
        "policy": _policy(code, _asset(PLOTLY)),
        "style": _asset("page.css"),
        "data": base64.b64encode(blob).decode(),
        "plotly": _packed_plotly(),
        "code": code,
    }
    page = _asset("page.html")
    for name, text in parts.items():
        # Each slot stands once; what fills it is base64 or of this package.
        page = page.replace(f"%{name}%", text, 1)
    return page.encode()


def _policy(*scripts: str) -> str:
    """Return the Content-Security-Policy: no network, and no code but these scripts."""
    hashes = []
    for script in scripts:
        digest = hashlib.sha256(script.encode()).digest()
        hashes.append(f"'sha256-{base64.b64encode(digest).decode()}'")
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(hashes),
        "style-src": "'unsafe-inline'",
        # A figure becomes a PNG by way of an image made of its own SVG.
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@functools.cache
def _asset(name: str) -> str:
    """Return the text of a file of the package."""
    return (_ASSETS / name).read_text(encoding="utf-8")


@functools.cache
def _packed_plotly() -> str:
    """Return plotly.js, gzipped, in base64: a third of its size."""
    packed = gzip.compress(_asset(PLOTLY).encode(), 9, mtime=0)
    return base64.b64encode(packed).decode()
