"""Imports go one way: a module imports only from a lower rank."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "jaxgrok"
RANKS = {
    "tasks": 0,
    "losses": 0,
    "environment": 0,
    "console": 0,
    "files": 0,
    "fields": 0,
    "command": 1,
    "gridfile": 1,
    "outcomes": 1,
    "transitions": 1,
    "fourier": 1,
    "models": 1,
    "scales": 1,
    "schedule": 1,
    "selector": 1,
    "axes": 1,
    "threshold": 1,
    "analysis": 2,
    "config": 2,
    "search": 2,
    "squares": 2,
    "tables": 2,
    "data": 3,
    "dataset": 3,
    "optimisers": 3,
    "programs": 4,
    "store": 4,
    "trainer": 4,
    "blocks": 5,
    "checkpoints": 5,
    "grid": 5,
    "plots": 5,
    "portraits": 5,
    "engine": 6,
    "findings": 6,
    "manifest": 6,
    "induction": 7,
    "ledger": 7,
    "plan": 7,
    "reader": 7,
    "analyse": 8,
    "brackets": 8,
    "export": 8,
    "pending": 8,
    "runner": 9,
    "crossover": 10,
    "sweep": 10,
    "": 11,  # the package itself: the face that users import
}
"""Module or subpackage of jaxgrok → rank, as in DESIGN section 3."""


def modules(package=PACKAGE):
    """Top-level names in the package → their files; a subpackage is one module."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        first = file.relative_to(package).parts[0].removesuffix(".py")
        found.setdefault(first.replace("__init__", ""), []).append(file)
    return found


def imported(file, package=PACKAGE):
    """Top-level modules of jaxgrok that a file imports, inside functions too."""
    names, found = set(modules(package)), set()
    here = ("jaxgrok", *file.relative_to(package).with_suffix("").parts)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            dotted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = here[: len(here) - node.level] if node.level else ()
            base = ".".join((*parent, *([node.module] if node.module else ())))
            dotted = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for parts in (name.split(".") for name in dotted):
            if parts[0] == "jaxgrok":
                second = parts[1] if len(parts) > 1 else ""
                found.add(second if second in names else "")
    return found


def faults(package=PACKAGE, ranks=RANKS):
    """Every import that does not go down, as `importer -> imported`."""
    return sorted(
        f"{name or 'jaxgrok'} -> {other or 'jaxgrok'}"
        for name, files in modules(package).items()
        for other in set().union(*(imported(file, package) for file in files)) - {name}
        if ranks[other] >= ranks[name]
    )


def test_every_module_has_a_rank_and_every_rank_a_module():
    assert set(RANKS) == set(modules())


def test_imports_go_down():
    assert faults() == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from jaxgrok.high import x", ["low -> high"]),
        ("import jaxgrok.high as h", ["low -> high"]),
        ("from jaxgrok import high", ["low -> high"]),
        ("from . import high", ["low -> high"]),
        ("from .high import x", ["low -> high"]),
        ("def f():\n    from jaxgrok.high import x", ["low -> high"]),
        ("import jaxgrok", ["low -> jaxgrok"]),
        ("from jaxgrok import run", ["low -> jaxgrok"]),
        ("from jaxgrok.beside import x", ["low -> beside"]),
        ("import numpy, jax.high", []),
    ],
)
def test_a_wrong_import_is_seen_in_any_spelling(tmp_path, source, expected):
    (tmp_path / "low.py").write_text(source)
    (tmp_path / "high.py").write_text("from jaxgrok.low import x")
    (tmp_path / "beside.py").write_text("")
    (tmp_path / "__init__.py").write_text("from jaxgrok.high import x")
    ranks = {"low": 0, "beside": 0, "high": 1, "": 2}
    assert faults(tmp_path, ranks) == expected


def test_a_subpackage_is_one_module(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("from .high import x")
    (tmp_path / "pack" / "high.py").write_text("from jaxgrok.pack import y")
    (tmp_path / "high.py").write_text("")
    ranks = {"pack": 0, "high": 1}
    assert faults(tmp_path, ranks) == []
    (tmp_path / "pack" / "high.py").write_text("from ..high import x")
    assert faults(tmp_path, ranks) == ["pack -> high"]
