"""Weights to and from elsewhere: bitwise there and back, or refused in one line."""

import json
import os
import zipfile

import jax
import numpy as np
import pytest
from elsewhere import SHAPES, SIZES, network

from jaxgrok.circuits.weights.transformerlens import config_of, load_npz, save_npz
from jaxgrok.models import transformer
from jaxgrok.tasks.modular import Modular


@pytest.fixture
def write(tmp_path):
    """Write arrays, and cfg.json if there are fields; the path."""

    def save(arrays, **config):
        np.savez(tmp_path / "m.npz", **arrays)
        if config:
            (tmp_path / "cfg.json").write_text(json.dumps(config))
        return tmp_path / "m.npz"

    return save


def logits(model, params, task):
    with jax.numpy_rank_promotion("allow"):
        apply = jax.jit(model.apply)
        return np.asarray(apply({"params": params}, task.pool()[0])[0])


@pytest.mark.parametrize(
    ("task", "fields"),
    [
        ({}, {}),
        ({"equals_logit": False, "operation": "x-y"}, {"activation": "gelu"}),
        ({"operation": "random", "table_seed": 3}, {"biases": "none"}),
        ({"operation": "x/y"}, {"attention_only": True, "heads": 1}),
        ({"modulus": 2}, {"layers": 2, "layer_norm": True, "biases": "all"}),
        ({"modulus": 4}, {"attention_only": True, "layer_norm": True}),
        ({}, {"dtype": "float64"}),
    ],
)
def test_there_and_back_is_the_same_network_bitwise(tmp_path, task, fields):
    task, model, params = network(Modular(**({"modulus": 5} | task)), **fields)
    save_npz(tmp_path / "m.npz", params, config_of(task, model))
    task_2, model_2, params_2 = load_npz(tmp_path / "m.npz")
    assert task_2 == task
    unread = {"d_mlp": model.d_mlp} if model.attention_only else {}
    assert model_2.clone(**unread) == model
    assert params_2.keys() == params.keys()
    for name, array in params.items():
        assert params_2[name].dtype == array.dtype
        assert params_2[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("biases", ["none", "mlp", "all"])
def test_biases_of_zero_stay_with_the_form_that_has_them(tmp_path, biases):
    task, model, params = network(biases=biases)
    params = {n: w if ".W_" in n else np.zeros_like(w) for n, w in params.items()}
    save_npz(tmp_path / "m.npz", params, config_of(task, model))
    _, model_2, params_2 = load_npz(tmp_path / "m.npz")
    assert (model_2.biases, params_2.keys()) == (biases, params.keys())


def test_the_file_has_what_transformer_lens_has(tmp_path):
    task, model, params = network()
    save_npz(tmp_path / "deep" / "m.npz", params, config_of(task, model, seed=7))
    with np.load(tmp_path / "deep" / "m.npz") as file:
        found = dict(file)
    assert {name: array.shape for name, array in found.items()} == SHAPES
    for name, array in found.items():
        np.testing.assert_array_equal(array, params.get(name, 0), name)
        assert array.dtype == np.float32
    written = json.loads((tmp_path / "deep" / "cfg.json").read_text())
    assert written == config_of(task, model, seed=7)


def test_arrays_alone_say_the_form(write, arrays):
    arrays["blocks.0.attn.mask"] = np.ones((3, 3), bool)
    arrays["blocks.0.attn.IGNORE"] = np.array(-np.inf)
    arrays["unembed.W_U"] = arrays["unembed.W_U"][:, :5]
    arrays["unembed.b_U"] = arrays["unembed.b_U"][:5]
    task, model, params = load_npz(write(arrays))
    assert task == Modular(modulus=5, equals_logit=False)
    assert model == transformer.build(task, **SIZES)
    expected = network(task)[2]
    assert {n: w.shape for n, w in params.items()} == {
        n: w.shape for n, w in expected.items()
    }
    assert logits(model, params, task).shape == (25, 1, 5)


def test_arguments_go_before_cfg_json(write, arrays):
    path = write(arrays, operation="x-y", act_fn="gelu", modulus=5)
    task, model, _ = load_npz(path, operation="x*y", activation="gelu")
    assert (task.operation, model.activation) == ("x*y", "gelu")
    assert load_npz(write(arrays, act_fn="gelu_fast"))[1].activation == "gelu"


def test_absent_biases_are_zero(write, arrays):
    bare = {name: array for name, array in arrays.items() if ".b_" not in name}
    _, model, params = load_npz(write(bare))
    assert model.biases == "mlp"
    assert params.keys() == network()[2].keys()
    assert not params["blocks.0.mlp.b_in"].any()


@pytest.mark.parametrize("name", ["blocks.0.attn.b_K", "unembed.b_U"])
def test_a_bias_that_is_not_zero_is_never_dropped(write, arrays, name):
    arrays[name].flat[-1] = 1e-30
    _, model, params = load_npz(write(arrays, biases="none"))
    assert model.biases == "all"
    assert params[name].flat[-1] == np.float32(1e-30)
    assert params.keys() == SHAPES.keys()


def test_an_attention_only_network_may_come_with_an_mlp_of_zeros(write, arrays):
    for name in arrays:
        if ".mlp." in name:
            arrays[name] = np.zeros_like(arrays[name])
    _, model, params = load_npz(write(arrays, attn_only=True))
    assert model.attention_only
    assert not any("mlp" in name for name in params)


def test_folded_layer_norm_gives_the_same_logits(tmp_path):
    task, model, params = network(layer_norm=True, biases="all", dtype="float64")
    folded = {n: w for n, w in params.items() if not n.endswith((".w", ".b"))}
    block = "blocks.0."
    for norm, W, b in (
        (f"{block}ln1", f"{block}attn.W_Q", f"{block}attn.b_Q"),
        (f"{block}ln1", f"{block}attn.W_K", f"{block}attn.b_K"),
        (f"{block}ln1", f"{block}attn.W_V", f"{block}attn.b_V"),
        (f"{block}ln2", f"{block}mlp.W_in", f"{block}mlp.b_in"),
        ("ln_final", "unembed.W_U", "unembed.b_U"),
    ):
        folded[W] = params[f"{norm}.w"][:, None] * params[W]
        folded[b] = params[b] + np.tensordot(params[f"{norm}.b"], params[W], (0, -2))
    np.savez(tmp_path / "m.npz", **folded)
    (tmp_path / "cfg.json").write_text('{"normalization_type": "LNPre"}')
    _, model_2, params_2 = load_npz(tmp_path / "m.npz")
    assert model_2.layer_norm
    with jax.enable_x64(True):
        np.testing.assert_allclose(
            logits(model_2, params_2, task), logits(model, params, task), rtol=1e-10
        )


def as_the_authors(arrays):
    """The layout of the post's own checkpoints: their einsums, written as shapes."""
    return {
        name: array.transpose(2, 0, 1).reshape(array.shape[2], -1)
        if name.endswith("W_O")
        else np.swapaxes(array, -1, -2)
        if name.endswith(("W_E", "W_Q", "W_K", "W_V", "W_in", "W_out"))
        else array
        for name, array in arrays.items()
        if ".b_" not in name or ".mlp." in name
    }


def test_the_authors_own_layout_is_recognised_by_shape(write, arrays):
    # Theirs: q = W_Q x for each head, and heads side by side before W_O.
    theirs = as_the_authors(arrays)
    assert theirs["embed.W_E"].shape == (8, 6)
    assert theirs["blocks.0.attn.W_Q"].shape == (2, 3, 8)
    assert theirs["blocks.0.attn.W_O"].shape == (8, 6)
    z = np.random.default_rng(1).normal(size=(2, 3))
    np.testing.assert_allclose(
        theirs["blocks.0.attn.W_O"] @ z.reshape(-1),
        np.einsum("ih,ihd->d", z, arrays["blocks.0.attn.W_O"]),
    )
    task, model, params = load_npz(write(arrays))
    task_2, model_2, params_2 = load_npz(
        write(theirs | {"blocks.0.attn.mask": np.ones((3, 3))})
    )
    assert (task_2, model_2) == (task, model) and params_2.keys() == params.keys()
    for name, array in params.items():
        np.testing.assert_array_equal(params_2[name], array)


def test_one_transposed_embedding_is_named(write, arrays):
    arrays["embed.W_E"] = arrays["embed.W_E"].T
    with pytest.raises(
        ValueError, match=r"embed.W_E is \[8, 6\]; .* = \[6, 8\]: it is"
    ):
        load_npz(write(arrays))


@pytest.mark.parametrize("name", ["m.pth", "m.npz"])
def test_a_pytorch_file_is_told_how_to_become_an_npz(tmp_path, name):
    path = tmp_path / name
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"...")
        file.writestr("archive/data/0", b"...")
    with pytest.raises(
        ValueError, match=r"is a PyTorch file; .*numpy\.savez"
    ) as caught:
        load_npz(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"n_heads": 4}, "cfg.json says n_heads=4; the arrays say 2"),
        ({"normalization_type": "LN"}, "'LN', and there is no blocks.0.ln1.w"),
        ({"act_fn": "silu"}, "act_fn='silu'; our model computes relu, gelu_new"),
        ({"biases": "some"}, "biases='some'; take none, mlp, all"),
        ({"operation": "x^y"}, "operation='x\\^y' must be one of"),
    ],
)
def test_a_cfg_json_that_does_not_fit_is_refused_in_one_line(
    write, arrays, config, words
):
    path = write(arrays, **config)
    with pytest.raises(ValueError, match=words) as caught:
        load_npz(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("blocks.0.attn.W_O", np.zeros((2, 8, 3), "f4"), r"W_O is \[2, 8, 3\]; expec"),
        ("blocks.0.ln1.w", np.ones(8, "f4"), r"blocks.0.ln1.b is missing; expected"),
        ("embed.W_E", np.zeros(6, "f4"), r"embed.W_E is \[6\]; expected \[vocab, mo"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(
    write, arrays, name, array, words
):
    path = write(arrays | {name: array})
    with pytest.raises(ValueError, match=words) as caught:
        load_npz(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_files_of_another_kind_are_refused(tmp_path, write, arrays):
    path = tmp_path / "m.npz"
    with pytest.raises(FileNotFoundError, match=r"m\.npz"):
        load_npz(path)
    path.write_text("weights")
    with pytest.raises(ValueError, match=r"m\.npz is not a \.npz file of arrays"):
        load_npz(path)
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"m\.npz is not a \.npz file of arrays"):
        load_npz(path)


def test_saving_refuses_what_could_not_be_read(tmp_path):
    task, model, params = network()
    config = config_of(task, model)
    path = tmp_path / "m.npz"
    with pytest.raises(ValueError, match=r"m\.pt must end in \.npz"):
        save_npz(tmp_path / "m.pt", params, config)
    with pytest.raises(ValueError, match=r"embed.W_E is \[6, 7\]; .* = \[6, 8\]"):
        save_npz(path, params | {"embed.W_E": np.zeros((6, 7))}, config)
    with pytest.raises(ValueError, match=r"W_E holds 48 values that are not finite"):
        save_npz(path, params | {"embed.W_E": np.full((6, 8), np.inf)}, config)
    assert not any(tmp_path.iterdir())


def test_one_cfg_json_is_not_made_to_describe_two_networks(tmp_path):
    task, model, params = network()
    for name in ("a.npz", "b.npz"):  # two steps of one training
        save_npz(tmp_path / name, params, config_of(task, model, seed=0))
    before = (tmp_path / "cfg.json").read_text()
    with pytest.raises(ValueError, match=r"cfg\.json describes b\.npz, another netw"):
        save_npz(tmp_path / "a.npz", params, config_of(task, model, seed=1))
    assert (tmp_path / "cfg.json").read_text() == before
    (tmp_path / "b.npz").unlink()
    save_npz(tmp_path / "a.npz", params, config_of(task, model, seed=1))
    assert '"seed": 1' in (tmp_path / "cfg.json").read_text()


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    task, model, params = network()
    save_npz(tmp_path / "m.npz", params, config_of(task, model))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    zeros = {name: np.zeros_like(w) for name, w in params.items()}
    with pytest.raises(OSError, match="disk full"):
        save_npz(tmp_path / "m.npz", zeros, config_of(task, model))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
