"""What `import jaxgrok` offers: all of it, listed, typed, and at no cost."""

import types

import pytest

import jaxgrok
from children import ROOT, command_without_jax, python
from jaxgrok.training import losses, measures, optimisers


@pytest.mark.parametrize("name", jaxgrok.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    value = getattr(jaxgrok, name)
    assert callable(value) or isinstance(value, types.ModuleType)
    assert value.__doc__


def test_the_public_surface_is_listed_and_nothing_else_resolves():
    assert set(jaxgrok.__all__) <= set(dir(jaxgrok))
    assert sorted(jaxgrok.__all__) == sorted({*jaxgrok._MODULES, *jaxgrok._OBJECTS})
    with pytest.raises(AttributeError, match="no attribute 'trainer_of_all'"):
        jaxgrok.trainer_of_all  # noqa: B018


def test_modules_of_the_surface_are_those_that_train():
    from jaxgrok import losses as public_losses

    assert public_losses is losses
    assert jaxgrok.measures is measures and jaxgrok.optimisers is optimisers


def test_a_star_import_shadows_no_builtin_by_accident():
    """`open` is on purpose: `jaxgrok.open`. No other name is a builtin's."""
    import builtins

    assert set(jaxgrok.__all__) & set(dir(builtins)) == {"open"}


def test_importing_and_listing_need_no_jax():
    program = (
        "import sys, jaxgrok; dir(jaxgrok); "
        "heavy = {'jax', 'flax', 'pandas', 'xarray', 'matplotlib'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = python(program)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "module",
    ["analyse.__main__", "crossover.__main__", "export.__main__", "sweep.__main__"],
)
def test_the_help_of_a_command_needs_no_jax(module):
    done = command_without_jax(f"jaxgrok.{module}", ["--help"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "--grid FILE" in done.stdout


SNIPPET = """
import jaxgrok
from jaxgrok import losses

run = jaxgrok.open("runs/x")
reveal_type(run)
reveal_type(run.cell("seed=0").params())
reveal_type(jaxgrok.cells(run))
reveal_type(jaxgrok.find_crossover)
reveal_type(losses.__name__)
"""


@pytest.mark.long
def test_a_type_checker_sees_the_surface(tmp_path, monkeypatch):
    api = pytest.importorskip("mypy.api")
    monkeypatch.chdir(ROOT)
    (tmp_path / "snippet.py").write_text(SNIPPET)
    out, err, code = api.run(
        [
            str(tmp_path / "snippet.py"),
            f"--cache-dir={ROOT / '.mypy_cache'}",
        ]
    )
    assert code == 0, out + err
    types_seen = [line for line in out.splitlines() if "Revealed type" in line]
    assert len(types_seen) == 5
    assert "jaxgrok.results.run.Run" in types_seen[0]
    assert "str, numpy.ndarray[" in types_seen[1]
    assert "DataFrame" in types_seen[2] or "Any" in types_seen[2]  # untyped pandas
    assert "Any" not in types_seen[3].partition("->")[2]
