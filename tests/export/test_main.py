"""Exporting from the command line: one cell's weights, or one line."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgrok
import tiny
from children import command_without_jax
from jaxgrok import grid
from jaxgrok.circuits.weights.transformerlens import load_npz
from jaxgrok.export import __main__ as export
from jaxgrok.results import run_directory, snapshots
from jaxgrok.results.files import manifest
from jaxgrok.tasks.modular import Modular

CELL = "weight_decay=1.0,train_fraction=0.5,seed=3"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run directory of four cells, with random snapshots of the last two."""
    path = tmp_path_factory.mktemp("export") / "run"
    config = tiny.config(
        weight_decay=(0.1, 1.0), seed=(0, 3), operation="x-y", equals_logit=False
    )
    made = grid.resolve(config)
    with run_directory.RunDirectory(path) as directory:
        directory.write_manifest(manifest.describe(made))
    model = made.groups[0].setup.model
    tokens = jnp.zeros((1, 3), jnp.int32)
    leaves = jax.eval_shape(model.init, jax.random.key(0), tokens)["params"]
    shapes = {name: leaf.shape for name, leaf in leaves.items()}
    size = sum(leaf.size for leaf in leaves.values())
    generator = np.random.default_rng(0)
    with snapshots.Writer(path) as writer:
        for cell in made.cells[2:]:
            for step in (0, 20, 40):
                vector = generator.normal(size=size).astype(np.float32)
                writer.add(cell.kin, step, vector, shapes)
        writer.flush()
    return path


def run(*arguments):
    return export.main(["export", *map(str, arguments)])


@pytest.mark.parametrize(
    ("step", "expected"), [((), None), (("--step", 20), 20), (("--step", 0), 0)]
)
def test_a_cell_is_written_as_it_was_kept(run_dir, tmp_path, capsys, step, expected):
    out = tmp_path / "nets" / "model.npz"
    assert run(run_dir, "--cell", CELL, *step, "--out", out) == 0
    assert capsys.readouterr().out == (
        f"cell 3: 680 weights\n{out}, {out.with_name('cfg.json')}\n"
    )
    task, model, params = load_npz(out)
    assert task == Modular(operation="x-y", modulus=7, equals_logit=False)
    assert (model.d_model, model.heads, model.d_head, model.d_mlp) == (8, 2, 4, 16)
    kept = jaxgrok.load_params(run_dir, 3, expected)
    assert params.keys() == kept.keys()
    for name, array in kept.items():
        np.testing.assert_array_equal(params[name], array, name)
    config = json.loads(out.with_name("cfg.json").read_text())
    assert (config["seed"], config["operation"], config["d_vocab_out"]) == (3, "x-y", 7)


def test_cells_and_steps_differ(run_dir, tmp_path):
    found = []
    for cell, step in ((3, 20), (3, 40), (2, 40)):
        out = tmp_path / f"{cell}-{step}" / "model.npz"
        assert run(run_dir, "--cell", cell, "--step", step, "--out", out) == 0
        found.append(load_npz(out)[2]["embed.W_E"])
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], found[2])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("RUN --cell seed=3 --out m.npz", "fits 2 cells; say more: weight_decay"),
        ("RUN --cell seed=1 --out m.npz", "no cell has seed=1"),
        ("RUN --cell 0 --out m.npz", "cell 0 has no snapshots; cells 2, 3 have"),
        ("RUN --cell 9 --out m.npz", "cell 9 does not exist; take 0 … 3"),
        ("RUN --cell 3 --step 21 --out m.npz", "step=21 of cell 3 was not kept"),
        ("RUN --cell 3 --step -1 --out m.npz", "--step=-1"),
        ("RUN --cell 3 --step soon --out m.npz", "--step=soon"),
        ("RUN --cell 3 --out m.pt", "--out m.pt must end in .npz"),
        ("RUN --cell 3 --out manifest.json/m.npz", "manifest.json"),
        ("RUN --cell 3", "--out is missing; write e.g. --out model.npz"),
        ("RUN --out m.npz", "--cell is missing; write e.g. --cell seed=0"),
        ("--cell 3 --out m.npz", "name one run directory; none is given"),
        ("RUN more --cell 3 --out m.npz", "name one run directory; got "),
        ("nowhere --cell 3 --out m.npz", "nowhere is not a run directory"),
        (
            "RUN --cells 3",
            "flag --cells is unknown; allowed: --cell, --step, --out, --grid",
        ),
        ("RUN --figure curve", "figure 'curve': there is none of this name"),
        ("RUN --figure attention", "figure 'attention' is of one network; name its"),
        ("RUN --figure curves --step 20", "figure 'curves' is of a run"),
        ("RUN --figure curves --x seed", "figure 'curves' has no sides x and y"),
        ("RUN --figure attention --cell 3 --y seed", "has no sides x and y to"),
        ("RUN --figure spikes", "this run has no curves"),
        ("RUN --figure crossover --cell 3", "figure 'crossover' is of all cells"),
        ("RUN --figure phase_diagram --x sead", "axis='sead' is not in the dataset"),
        ("RUN --figure phase_diagram --cell seed=9", "no cell has seed=9"),
        ("RUN --figure phase_diagram --format jpg", "--format=jpg"),
        ("RUN --figure curves --format svg --out c.pdf", "does not end in .svg"),
        ("RUN --figure phase_diagram --out p.jpg", "must end in .png, .svg or .pdf"),
        ("RUN --figure curves --to netcdf", "leave one of them out"),
        ("RUN --to mlflow", "--to=mlflow"),
        ("RUN --to netcdf --step 3", "--step does not go with --to"),
        ("RUN --to netcdf --out d.h5", "--out d.h5 must end in .nc"),
        ("RUN --to netcdf --project p", "--project goes with --to wandb"),
        ("RUN --to tensorboard --x seed", "--x goes with --figure"),
        ("RUN --to tensorboard --out .", "--out . holds something already"),
    ],
)
def test_bad_input_is_one_line(
    run_dir, tmp_path, monkeypatch, capsys, arguments, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifest.json").write_text("")
    parts = [str(run_dir) if part == "RUN" else part for part in arguments.split()]
    assert run(*parts) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.process
@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2)])
def test_help_needs_no_jax(arguments, code):
    done = command_without_jax("jaxgrok.export.__main__", arguments)
    assert (done.returncode, done.stderr) == (code, "")
    for flag in ("RUN_DIR", "--cell CELL", "--step N", "--out FILE"):
        assert flag in done.stdout
