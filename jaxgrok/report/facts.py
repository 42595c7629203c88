"""What made a run, in pairs of name and text for the page; nothing that is private.

>>> facts(manifest)["rows"][0]
['grid file', 'wd_vs_frac.py']
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from jaxgrok.report.texts import sendable
from jaxgrok.results.files.manifest import Manifest

CIRCUMSTANCES = {
    "command": "command",
    "begun": "began, UTC",
    "ended": "ended, UTC",
    "xla_flags": "XLA_FLAGS",
}
"""Field of the manifest → its name on the page; it is empty in older runs."""


def facts(manifest: Manifest) -> dict[str, Any]:
    """Return the facts of a run as `rows` of name and text, and its grid's `text`."""
    rows = [[name, sendable(text)] for name, text in _rows(manifest) if text]
    grid_file = manifest.grid_file
    text = grid_file.text if grid_file else ""
    config = [[key, sendable(_shown(value))] for key, value in manifest.config.items()]
    return {"rows": rows, "config": config, "text": sendable(text) if text else ""}


def _rows(manifest: Manifest) -> Iterator[tuple[str, str]]:
    grid_file = manifest.grid_file
    if grid_file and grid_file.path:
        yield "grid file", PurePath(grid_file.path).name
    for field, name in CIRCUMSTANCES.items():
        yield name, str(getattr(manifest, field))
    yield "device", str(manifest.bits.get("device", ""))
    yield "computed with", _listed(manifest.bits, leave_out="device")
    yield "precision", ", ".join(manifest.precision)
    yield "versions", _listed(manifest.versions)
    yield "commit", manifest.commit
    yield "thresholds", str(manifest.thresholds)
    yield "programs", str(len(manifest.groups))
    usage = manifest.usage
    if usage.executed:
        share = usage.busy / usage.executed
        yield "lane-steps", f"{usage.busy:,} ({share:.0%} of those computed)"


def _listed(entries: Mapping[str, Any], leave_out: str = "") -> str:
    """Return entries as one text: jax 0.10.2, numpy 2.4."""
    words = [f"{name} {value}" for name, value in entries.items() if name != leave_out]
    return ", ".join(words)


def _shown(value: Any) -> str:
    """Return a value of the config as a grid file writes it: a list is a tuple."""
    return repr(tuple(value) if isinstance(value, list) else value)
