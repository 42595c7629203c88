"""A cell as it is read: its own snapshots, its own split, and nothing executed."""

import dataclasses

import jax
import numpy as np
import pytest
from handmade import all_results, manifest_of, write

import jaxgrok
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.results.run_cell import RunCell
from jaxgrok.results.snapshots import Writer
from jaxgrok.training import examples

SHAPES = {"embed.W_E": (7, 2), "unembed.W_U": (2, 7)}
STEPS = (0, 20, 40)
FIELDS = {"seed": (0, 1), "snapshots": "seed=1"}


def vector(step):
    """Parameters that say which step they are of."""
    return np.arange(28, dtype=np.float32) + 100 * step


def save(path, manifest):
    """Leave a run whose cell 1 has snapshots at STEPS, made by no network."""
    write(path, manifest, all_results(manifest))
    with Writer(path) as writer:
        for step in STEPS:
            writer.add(manifest.cells[1].kin, step, vector(step), SHAPES)
        writer.flush()
    return jaxgrok.open(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save(tmp_path_factory.mktemp("run"), manifest_of(**FIELDS))


def test_a_cell_is_named_after_its_axes(run):
    cell = RunCell(run, 1)
    assert cell.cell == run.manifest.cells[1]
    assert cell.axes == {"weight_decay": 1.0, "train_fraction": 0.5, "seed": 1}
    assert cell.label == "weight_decay=1.0,train_fraction=0.5,seed=1"
    assert repr(cell) == f"<cell 1 of {run.path}: {cell.label}>"


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"operation": ("x/y", "x*y")}, "operation=x%2Fy,weight_decay=1.0,"),
        ({"decay_on": ("W_E,W_U", "all")}, "decay_on=W_E,W_U,weight_decay=1.0"),
        ({"decay_on": (",".join(["W_E"] * 99), "all")}, "cell=0"),
    ],
)
def test_the_name_of_a_cell_is_that_of_one_file(tmp_path, fields, label):
    write(tmp_path, manifest_of(**fields), [])
    assert RunCell(jaxgrok.open(tmp_path), 0).label.startswith(label)


def test_its_task_and_model_are_those_of_its_own_fields(tmp_path):
    run = save(tmp_path, manifest_of(modulus=(5, 7)))
    cells = [RunCell(run, index) for index in range(2)]
    assert [cell.task.modulus for cell in cells] == [5, 7]
    sizes = []
    for cell in cells:
        tokens = np.zeros((1, 3), np.int32)
        shapes = jax.eval_shape(cell.model.init, jax.random.key(0), tokens)["params"]
        sizes.append(shapes["mlp.W_out"].shape[-1])
    assert sizes[1] - sizes[0] == 2


@pytest.mark.parametrize("step", [None, *STEPS])
def test_parameters_are_those_of_the_step_and_by_default_the_last(run, step):
    params = RunCell(run, 1).params(step)
    expected = vector(STEPS[-1] if step is None else step)
    np.testing.assert_array_equal(params["embed.W_E"], expected[:14].reshape(7, 2))
    np.testing.assert_array_equal(params["unembed.W_U"], expected[14:].reshape(2, 7))


def test_the_trajectory_is_every_snapshot_in_order(run):
    steps, params = RunCell(run, 1).trajectory()
    assert steps.tolist() == list(STEPS)
    assert {name: array.shape for name, array in params.items()} == {
        name: (len(STEPS), *shape) for name, shape in SHAPES.items()
    }
    np.testing.assert_array_equal(params["embed.W_E"][:, 0, 0], 100 * steps)


def test_a_step_that_was_not_kept_names_the_nearest(run):
    words = r"step=29 of cell 1 was not kept; the nearest is 20, the last 40 \(3 in all"
    with pytest.raises(ValueError, match=words):
        RunCell(run, 1).params(29)


def test_a_cell_without_snapshots_names_those_that_have_some(run, tmp_path):
    with pytest.raises(ValueError, match="cell 0 has no snapshots; cells 1 have"):
        RunCell(run, 0).steps()
    manifest = manifest_of(**FIELDS)
    without = jaxgrok.open(write(tmp_path, manifest, all_results(manifest)))
    with pytest.raises(ValueError, match=r"again with --grid\.snapshots=all"):
        RunCell(without, 0).params()


def test_a_cell_does_not_see_steps_past_its_own_budget(tmp_path):
    """A longer budget of the same training leaves its snapshots beside."""
    manifest = manifest_of(steps=(40, 20))
    run = save(tmp_path, manifest)
    assert len({cell.kin for cell in manifest.cells}) == 1
    assert [RunCell(run, index).steps() for index in (0, 1)] == [[0, 20, 40], [0, 20]]


def test_the_split_is_that_of_the_training(run):
    for index in (0, 1):
        cell = RunCell(run, index)
        order = np.asarray(examples.order(index, 49))
        is_train = cell.is_train()
        assert is_train.shape == (49,)
        assert is_train[order[:24]].all() and not is_train[order[24:]].any()


def test_a_task_whose_examples_are_drawn_has_no_split(tmp_path):
    fields = {"task": "repeats", "n_train": (64,), "train_fraction": ()}
    assert (
        RunCell(save(tmp_path, manifest_of(seed=(0, 1), **fields)), 0).is_train()
        is None
    )


@pytest.mark.parametrize("field", ["task", "model"])
@pytest.mark.parametrize("recorded", [False, True])
def test_what_is_not_registered_names_the_way_out_and_runs_nothing(
    tmp_path, field, recorded
):
    file = tmp_path / "mine.py"
    file.write_text("raise AssertionError('executed')")
    manifest = manifest_of(**FIELDS)
    manifest = dataclasses.replace(
        manifest,
        config=manifest.config | {field: "mine"},
        grid_file=GridFile(str(file), file.read_text(), "") if recorded else None,
    )
    run = save(tmp_path / "run", manifest)
    with pytest.raises(ValueError) as error:
        getattr(RunCell(run, 1), field)
    message = str(error.value)
    assert message.startswith(f"{field}='mine' is unknown (there are ")
    assert f"--grid {file if recorded else 'FILE'}, or in Python" in message
    assert (f"the run's grid file is {file}" in message) == recorded
    with pytest.raises(ValueError, match="mine"):
        RunCell(run, 1).circuit()
