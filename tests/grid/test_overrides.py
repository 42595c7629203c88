"""--grid.FIELD=VALUE: parsed as the type that the field has, or refused in one line."""

import pytest
from absl import flags

from jaxgrok.grid import overrides, resolve

FILE = """
from jaxgrok import grid
def get_config(scale="laptop"):
    config = grid.base(scale)
    config.modulus = 7
    config.seed = (0, 1)
    return config
"""


@pytest.fixture
def parsed(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)

    def parse(*arguments, scale=""):
        argv = ["sweep", "--grid", f"{path}{scale}", *arguments]
        return overrides.parse(flags.FlagValues(), argv)[0]

    return parse


def test_the_scale_stands_behind_the_file(parsed):
    assert (parsed().scale, parsed(scale=":post").scale) == ("laptop", "post")


def test_a_value_may_be_an_argument_of_its_own(parsed):
    assert parsed("--grid.seed", "(7, 8)", "--grid.modulus", "11").seed == (7, 8)


def test_a_boolean_needs_no_value(parsed):
    assert parsed("--grid.layer_norm").layer_norm is True
    assert parsed("--nogrid.layer_norm").layer_norm is False


def test_fractions_and_counts_replace_each_other(parsed):
    config = parsed("--grid.n_train=(20, 30)")
    assert (config.n_train, config.train_fraction) == ((20, 30), ())
    config = parsed("--grid.train_fraction=(0.5,)")
    assert (config.n_train, config.train_fraction) == ((), (0.5,))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--grid.sed=1", "field 'sed' is unknown; did you mean 'seed'"),
        (
            "--grid.seed=[3]",
            r'seed=\[3\] is a list; axes are tuples: write seed="\(3,\)"',
        ),
        ("--grid.modulus=x", "modulus=x is not understood; write a value like 7"),
        ("--grid.scale=post", "scale=post is not an override; write --grid FILE:post"),
        ("--gird.seed=1", "gird.seed"),
        ("seed=1", "argument 'seed=1' is not understood"),
    ],
)
def test_what_is_not_understood_is_refused(parsed, argument, message):
    with pytest.raises(ValueError, match=message):
        parsed(argument)


def test_no_grid(tmp_path):
    with pytest.raises(ValueError, match="--grid is missing: name a grid file"):
        overrides.parse(flags.FlagValues(), ["sweep"])


@pytest.mark.parametrize(
    ("argument", "name", "values"),
    [
        ("--grid.modulus=(7, 11)", "modulus", (7, 11)),
        ("--grid.layer_norm=(False, True)", "layer_norm", (False, True)),
        ('--grid.loss=("exact", "float32")', "loss", ("exact", "float32")),
    ],
)
def test_a_static_field_is_an_axis_from_the_command_line_too(
    parsed, argument, name, values
):
    config = parsed(argument)
    assert config[name] == values
    assert resolve(config).dims[name] == values


def test_a_field_of_another_task_can_be_set_from_the_command_line(parsed):
    arguments = ("--grid.bits=12", "--grid.task=parity", "--grid.model=mlp")
    config = parsed(*arguments, "--grid.n_train=(100,)")
    task = resolve(config).groups[0].setup.task
    assert (task.bits, task.secret) == (12, 3)
