"""Imports go one way: a module imports only from a lower rank."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "jaxgrok"
RANKS = {
    "fields": 0,
    "host": 0,
    "outcomes": 1,
    "tasks": 1,
    "fourier": 2,
    "models": 2,
    "circuits": 3,
    "training": 3,
    "engine": 4,
    "grid": 4,
    "results": 5,
    "fleet": 6,
    "plots": 6,
    "worker": 7,
    "comparison": 7,
    "report": 7,
    "status": 7,
    "verify": 7,
    "analyse": 8,
    "export": 9,
    "sweep": 9,
    "crossover": 10,
    "": 11,  # the package itself: what users import
    "__main__": 12,  # the console command
}
"""Package or module of jaxgrok → rank."""


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
