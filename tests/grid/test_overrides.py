"""--grid.FIELD=VALUE: parsed as the type that the field has, or refused in one line."""

import pytest
from absl import flags

from jaxgrok.grid import overrides, resolve

FILE = """
from jaxgrok import grid
def get_config(scale="laptop"):
    config = grid.base(scale)
    config.update(modulus=7, d_model=8, eval_every=10, steps=(40,))
    config.update(train_fraction=(0.5,), seed=(0, 1))
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


@pytest.mark.parametrize(
    ("written", "scale"), [("a:b.py", "laptop"), ("a:b.py:post", "post")]
)
def test_a_colon_may_be_part_of_the_path(tmp_path, written, scale):
    (tmp_path / "a:b.py").write_text(FILE)
    argv = ["sweep", f"--grid={tmp_path}/{written}"]
    config, file = overrides.parse(flags.FlagValues(), argv)
    assert config.scale == scale and file.path.endswith("/a:b.py")


@pytest.mark.parametrize("written", ["C:\\mine.py", "a:b.py", "mine.py"])
def test_a_file_that_is_not_there_is_named_as_it_was_written(written):
    with pytest.raises(ValueError) as error:
        overrides.parse(flags.FlagValues(), ["sweep", f"--grid={written}"])
    assert str(error.value) == f"--grid {written}: there is no such file"


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


REFUSED = [
    ("--grid.nope=1", "field 'nope' is unknown; allowed: accuracy_threshold, "),
    ("--grid.sed=1", "field 'sed' is unknown; did you mean 'seed'"),
    (
        "--grid.weight_dekay=(1,)",
        "field 'weight_dekay' is unknown; did you mean 'weight_decay'?",
    ),
    ("--grid.seed.x=1", "field 'seed.x' is unknown; did you mean 'seed'?"),
    ("--grid.chain.a=1", "field 'chain.a' is unknown; allowed: none"),
    ("--grid.seed=[0, 1]", "seed=[0, 1] is a list; axes are tuples: write "),
    ("--grid.seed=[3]", 'seed=[3] is a list; axes are tuples: write seed="(3,)"'),
    ("--grid.seed=(0,", "seed=(0, is not understood; write a value like (0, 1)"),
    ("--grid.seed=abc", "seed='abc' must be a whole number"),
    ("--grid.seed=()", "seed=() is empty; give at least one value"),
    ("--grid.modulus=x", "modulus=x is not understood; write a value like 7"),
    ("--grid.d_model=2.5", "d_model=2.5 is not understood; write a value like 8"),
    ("--grid.layer_norm=maybe", "layer_norm=maybe is not understood; write a value l"),
    ("--grid.train_fraction=1.5", "train_fraction=1.5 must be in (0, 1]"),
    ("--grid.n_train=50", "n_train=50 must be 1 … 49: there are 49 training pairs"),
    ("--grid.n_train=(50,)", "n_train=50 must be 1 … 49: there are 49 training pairs"),
    ("--grid.steps=45", "steps=45 is not a multiple of eval_every=10; use 50"),
    ("--grid.operation=x^y", "operation='x^y' must be one of x+y"),
    ("--grid.task=none", "task='none' is unknown; choose one of modular"),
    ("--grid.scale=post", "scale=post is not an override; write --grid FILE:post"),
    ("--grid.weight_decay", "Missing value for flag --grid.weight_decay; see --help"),
    ("--gird.seed=1", "flag --gird.seed is unknown; "),
    ("seed=1", "argument 'seed=1' is not understood; see --help"),
]


@pytest.mark.parametrize(
    ("argument", "message"), REFUSED, ids=[argument for argument, _ in REFUSED]
)
def test_what_is_not_understood_is_refused_in_one_line(parsed, argument, message):
    with pytest.raises(ValueError) as error:
        resolve(parsed(argument))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_list_may_also_stand_after_a_space(parsed):
    with pytest.raises(ValueError) as error:
        parsed("--grid.seed", "[0, 1]")
    words = 'seed=[0, 1] is a list; axes are tuples: write seed="(0, 1)"'
    assert str(error.value) == words


def test_a_part_of_a_chain_can_be_overridden(tmp_path):
    path = tmp_path / "chained.py"
    path.write_text(FILE.replace("return", "config.chain.a = {'seed': (5,)}; return"))
    argv = ["sweep", "--grid", str(path), "--grid.chain.a.seed=(7, 8)"]
    config, _ = overrides.parse(flags.FlagValues(), argv)
    assert config.chain.a.seed == (7, 8)


@pytest.mark.parametrize("scale", ["", ":post"])
def test_a_missing_file_is_named_without_its_scale(scale):
    argv = ["sweep", "--grid", f"nowhere.py{scale}"]
    with pytest.raises(ValueError, match=r"^--grid nowhere.py: there is no such file$"):
        overrides.parse(flags.FlagValues(), argv)


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


def test_an_overridden_field_stays_whatever_owner_another_override_names(parsed):
    config = parsed("--grid.model=('mlp', 'transformer')", "--grid.d_mlp=64")
    assert config.d_mlp == 64
    config = parsed("--grid.d_head=8", "--grid.model=mlp", "--grid.activation=gelu")
    assert (config.d_head, config.activation) == (8, "gelu")
