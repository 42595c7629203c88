"""Where fields come from: users' tasks, models and optimisers among them."""

import copy
import dataclasses
from typing import ClassVar

import numpy as np
import optax
import pytest
from flax import linen as nn

import jaxgrok
import tiny
from jaxgrok import grid, models, tasks
from jaxgrok.fields.field import Field, field
from jaxgrok.grid import fields, setups
from jaxgrok.models import training_form
from jaxgrok.tasks import Pool
from jaxgrok.training import optimisers


@dataclasses.dataclass(frozen=True)
class Copy(Pool):
    """A task of the user: the answer is the first token."""

    letters: int = 4

    @property
    def vocab_in(self):
        return self.letters + 1

    @property
    def vocab_out(self):
        return self.letters + 1

    read = (1,)
    mlp_input = "sum"

    @property
    def fixed_tokens(self):
        return (None, self.letters)

    @property
    def pool_size(self):
        return self.letters

    def pool(self):
        x = np.arange(self.letters, dtype=np.int32)
        return np.stack([x, np.full_like(x, self.letters)], 1), x[:, None]


@dataclasses.dataclass(frozen=True)
class Mine(Copy):
    """A task whose fields are called as those of parity and repeats are."""

    bits: int = 8
    length: int = field(5, low=2, help="tokens")

    presets: ClassVar = {"laptop": {"steps": (200,), "bits": 6}, "post": {}}


@dataclasses.dataclass(frozen=True)
class Narrow:
    """A model of the user, with a preset of its own."""

    d_mlp: int = field(16, low=2, help="width")

    presets: ClassVar = {"post": {"d_mlp": 24, "eval_every": 500}}

    def build(self, task, dtype):
        return nn.Dense(self.d_mlp)


def decayed_sgd(setup, lane, rate, mask):
    """SGD whose rate is multiplied by a number of its own."""
    return optax.sgd(rate * lane.own["rho"])


@pytest.fixture(autouse=True)
def registries(monkeypatch):
    """What a test registers is forgotten after it."""
    for registry in fields.OWNERS.values():
        monkeypatch.setattr(registry, "_entries", dict(registry))


@pytest.fixture
def registered():
    tasks.register("copy", Copy)
    tasks.register("mine", Mine)
    models.register("narrow", Narrow)
    rho = Field("rho", 0.5, low=0, below=1, help="factor on the rate")
    optimisers.register("slow", decayed_sgd, rho)


def task_of(config):
    return grid.resolve(config).groups[0].setup.task


def test_a_task_s_preset_sets_the_sizes_of_the_model_it_is_written_for_alone():
    config = grid.base("laptop")
    assert (config.d_model, config.d_mlp) == (32, 128)
    config.model = "mlp"
    # The MLP's own default; what is no size of the model stays the task's.
    assert (config.d_mlp, config.learning_rate) == (256, (3e-3,))
    # The preset of parity is written for an MLP.
    config = grid.base("laptop", "parity")
    assert (config.model, config.d_mlp, config.bits) == ("mlp", 128, 20)
    config.model = "transformer"
    assert (config.d_mlp, config.bits) == (512, 20)


def test_a_grid_accepts_a_registered_task(registered):
    config = grid.base("laptop")
    config.update(task="copy", letters=6, train_fraction=(0.5,))
    resolved = grid.resolve(config)
    assert resolved.groups[0].setup.task == Copy(letters=6)
    assert resolved.cells[0].lane["n_train"] == 3


def test_a_field_of_a_registered_task_is_checked_and_told_apart(registered):
    config = grid.base("laptop")
    config.update(task="copy", train_fraction=(0.5,))
    implied = grid.resolve(config).cells[0].id
    config.letters = 4
    assert grid.resolve(config).cells[0].id == implied
    config.letters = 6
    assert grid.resolve(config).cells[0].id != implied
    config.letters = "six"
    with pytest.raises(ValueError, match="letters='six' must be a whole number"):
        grid.resolve(config)


def test_a_field_that_nothing_registered_has_is_refused():
    config = grid.base("laptop")
    config.letters = 4
    with pytest.raises(ValueError, match="field 'letters' is unknown"):
        grid.resolve(config)


def test_a_field_without_default_must_be_given(registered):
    @dataclasses.dataclass(frozen=True)
    class Bare(Copy):
        language: str = dataclasses.field(kw_only=True)

    tasks.register("bare", Bare)
    config = grid.base("laptop")
    config.task = "bare"
    with pytest.raises(ValueError, match="field 'language' is missing"):
        grid.resolve(config)
    config.language = "elvish"
    assert task_of(config).language == "elvish"


@pytest.mark.parametrize("scale", ["post", "laptop"])
def test_a_task_s_defaults_are_its_own_whatever_others_call_a_field(registered, scale):
    for config in (grid.base(scale, "mine"), grid.base(scale, "parity")):
        config.task, config.model = "mine", "transformer"
        config.update(train_fraction=(0.5,), n_train=())
        bits = {"post": 8, "laptop": 6}[scale]
        assert task_of(config) == Mine(bits=bits, length=5)


def test_a_range_of_a_registered_task_is_checked(registered):
    config = grid.base("laptop", "mine")
    config.length = 1
    with pytest.raises(ValueError, match="length=1 must be at least 2"):
        grid.resolve(config)


def test_what_is_set_stays_whatever_is_named_afterwards(registered):
    config = grid.base("laptop", "parity")
    config.bits = 12
    config.task = "mine"
    config.update(model="transformer", train_fraction=(0.5,), n_train=())
    assert task_of(config).bits == 12
    config = grid.base("post")
    config.d_mlp = 64
    config.model = "mlp"
    assert grid.resolve(config).groups[0].setup.model.d_mlp == 64


def test_the_mlp_has_its_own_width_where_no_preset_says_otherwise(registered):
    config = grid.base("post")
    assert config.d_mlp == 512
    config.model = "mlp"
    assert config.d_mlp == 256
    assert grid.resolve(config).groups[0].setup.model.d_mlp == 256
    config.model = "transformer"
    assert config.d_mlp == 512


def test_an_axis_of_models_gives_each_its_own_defaults(registered):
    config = grid.base("post")
    config.model = ("transformer", "mlp")
    resolved = grid.resolve(config)
    assert [group.setup.model.d_mlp for group in resolved.groups] == [512, 256]
    assert "d_mlp" not in resolved.config
    assert [cell.static["d_mlp"] for cell in resolved.cells] == [512, 256]
    assert resolved.axes[0] == "model" and "d_mlp" not in resolved.axes
    for cell, group in zip(resolved.cells, resolved.groups, strict=True):
        _, model = setups.build(resolved.config | cell.static)
        assert training_form(model) == group.setup.model


def test_a_model_brings_presets_of_its_own(registered):
    config = grid.base("post")
    config.model = "narrow"
    assert (config.d_mlp, config.eval_every) == (24, 100)
    config = grid.base("laptop", "mine")
    config.model = "narrow"
    assert config.d_mlp == 16


def test_presets_of_a_registered_task_come_with_the_base(registered):
    config = grid.base("laptop", "mine")
    assert (config.steps, config.bits, config.d_model) == ((200,), 6, 128)
    assert grid.base("laptop", "copy").d_model == 32


def test_a_preset_that_nothing_reads_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Odd(Copy):
        presets: ClassVar = {"laptop": {"d_modell": 3}}

    tasks.register("odd", Odd)
    with pytest.raises(ValueError, match="presets of task='odd': field 'd_modell' is"):
        grid.base("laptop", "odd")


def test_copies_of_a_config_remember_what_was_set(registered):
    config = grid.base("post")
    config.layers = 2
    for again in (copy.deepcopy(config), config.copy_and_resolve_references()):
        again.model = "mlp"
        assert (again.layers, again.d_mlp) == (2, 256)
    assert config.d_mlp == 512


def test_an_optimiser_s_own_number_is_an_axis(registered):
    config = tiny.config(optimiser="slow")
    assert config.rho == (0.5,)
    config.rho = (0.25, 0.5)
    resolved = grid.resolve(config)
    assert resolved.dims["rho"] == (0.25, 0.5)
    assert [cell.lane["rho"] for cell in resolved.cells] == [0.25, 0.5]
    config.rho = (1.0,)
    with pytest.raises(ValueError, match=r"rho=1.0 must be in \[0, 1\)"):
        grid.resolve(config)


def test_an_optimiser_s_own_number_is_part_of_its_own_cells_only(registered):
    config = tiny.config()
    config.chain = {"slow": {"optimiser": "slow"}, "adamw": {}}
    slow, adamw = grid.resolve(config).cells
    assert slow.lane["rho"] == 0.5 and "rho" not in adamw.lane
    assert adamw.id == grid.resolve(tiny.config()).cells[0].id


@pytest.mark.long
def test_an_optimiser_s_own_number_reaches_its_lanes(registered, tmp_path):
    config = tiny.config(optimiser="slow", rho=(0.25, 0.5), learning_rate=(0.1,))
    config.weight_decay = (0.0,)
    dataset = jaxgrok.run(config, tmp_path / "slow", quiet=True)
    halved = tiny.config(optimiser="sgd", learning_rate=(0.025, 0.05))
    halved.weight_decay = (0.0,)
    expected = jaxgrok.run(halved, tmp_path / "sgd", quiet=True)
    np.testing.assert_allclose(
        dataset.final_train_loss.values, expected.final_train_loss.values, rtol=1e-4
    )


def test_a_field_of_every_config_cannot_be_taken():
    @dataclasses.dataclass(frozen=True)
    class Greedy(Copy):
        seed: int = 3

    tasks.register("greedy", Greedy)
    with pytest.raises(ValueError, match="task 'greedy': its field 'seed' has"):
        grid.base("laptop", "greedy")
