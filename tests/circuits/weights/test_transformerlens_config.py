"""cfg.json: the fields that are written, and what is refused of those that are read."""

import dataclasses

import numpy as np
import pytest
from elsewhere import network

from jaxgrok.circuits.weights.layout import infer
from jaxgrok.circuits.weights.transformerlens_config import (
    activation_of,
    biases_of,
    check_agrees,
    config_of,
    normalization,
    read_config,
)


def test_a_config_has_the_fields_of_transformer_lens_and_of_the_task():
    task, model, _ = network()
    assert config_of(task, model, seed=7) == {
        "n_layers": 1,
        "d_model": 8,
        "d_head": 3,
        "n_heads": 2,
        "d_mlp": 12,
        "d_vocab": 6,
        "d_vocab_out": 6,
        "n_ctx": 3,
        "act_fn": "relu",
        "normalization_type": None,
        "eps": 1e-5,
        "attn_only": False,
        "attention_dir": "causal",
        "positional_embedding_type": "standard",
        "seed": 7,
        "task": "modular",
        "operation": "x+y",
        "modulus": 5,
        "equals_logit": True,
        "table_seed": 0,
        "biases": "mlp",
    }


def test_an_attention_only_config_has_no_width_and_no_activation():
    task, model, _ = network(attention_only=True, heads=1)
    config = config_of(task, model)
    assert (config["attn_only"], config["d_mlp"], config["act_fn"]) == (
        True,
        None,
        None,
    )
    assert config["seed"] is None


def test_the_tanh_gelu_is_called_gelu_new_there():
    task, model, _ = network(activation="gelu", layer_norm=True)
    config = config_of(task, model)
    assert (config["act_fn"], config["normalization_type"]) == ("gelu_new", "LN")


@pytest.mark.parametrize("text", ['{"task": "modular", "seed": 3}', "{}", None])
def test_the_config_beside_the_weights_is_read_and_may_be_absent(tmp_path, text):
    if text is not None:
        (tmp_path / "cfg.json").write_text(text)
    expected = {"task": "modular", "seed": 3} if text and "seed" in text else {}
    assert read_config(tmp_path / "m.npz") == expected


@pytest.mark.parametrize(
    ("text", "words"), [("{", "is not JSON"), ("[]", "holds no fields")]
)
def test_a_file_that_is_no_config_is_refused(tmp_path, text, words):
    (tmp_path / "cfg.json").write_text(text)
    with pytest.raises(ValueError, match=rf"cfg\.json {words}"):
        read_config(tmp_path / "m.npz")


def test_the_kind_of_layer_norm_is_the_config_s_or_the_arrays(arrays):
    form = infer(arrays)
    assert normalization(form, {}) is None
    assert normalization(form, {"normalization_type": "LNPre"}) == "LNPre"
    whole = infer(arrays | {"blocks.0.ln1.w": np.ones(8)})
    assert normalization(whole, {}) == "LN"
    with pytest.raises(ValueError, match=r"=None, and there is a blocks.0.ln1.w"):
        normalization(whole, {"normalization_type": None})


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("relu", "relu"),
        ("gelu_new", "gelu"),
        ("gelu_fast", "gelu"),
        ("gelu_pytorch_tanh", "gelu"),
        (None, "relu"),
    ],
)
def test_activations_are_known_by_their_names_and_ours(theirs, ours):
    assert activation_of({"act_fn": theirs}) == ours
    assert activation_of({}) == "relu"


def test_biases_are_the_form_that_has_all_that_are_not_zero(arrays):
    assert biases_of(arrays, {}) == "mlp"
    assert biases_of(arrays, {"biases": "none"}) == "mlp"
    assert biases_of(arrays, {"biases": "all"}) == "all"
    zeros = {n: np.zeros_like(a) if ".b_" in n else a for n, a in arrays.items()}
    assert biases_of(zeros, {"biases": "none"}) == "none"
    zeros["unembed.b_U"][-1] = 1e-30
    assert biases_of(zeros, {"biases": "none"}) == "all"


def understand(arrays, config):
    """Everything that `load_npz` asks of cfg.json, in its order."""
    form = infer(arrays)
    kind = normalization(form, config)
    check_agrees(dataclasses.replace(form, normalization_type=kind), config)
    return activation_of(config), biases_of(arrays, config)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"n_heads": 4}, "cfg.json says n_heads=4; the arrays say 2"),
        ({"modulus": 113}, "cfg.json says modulus=113; the arrays say 5"),
        ({"attn_only": True}, "cfg.json says attn_only=True; the arrays say False"),
        ({"task": "copy"}, "task='copy'; our model computes 'modular'"),
        ({"attn_scale": 1.0}, "attn_scale=1.0; our model computes 1.73"),
        ({"gated_mlp": True}, "gated_mlp=True; our model computes False"),
        ({"normalization_type": "RMS"}, "'RMS'; our model computes null, LN and LNPre"),
        ({"normalization_type": "LN"}, "'LN', and there is no blocks.0.ln1.w"),
        ({"act_fn": "gelu"}, "act_fn='gelu'; .* write gelu_new to take its tanh form"),
        ({"act_fn": "silu"}, "act_fn='silu'; our model computes relu, gelu_new"),
        ({"biases": "some"}, "biases='some'; take none, mlp, all"),
        ({"normalization_type": "LNPre", "eps": 0.1}, "eps=0.1; our model computes 1e"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(arrays, config, words):
    with pytest.raises(ValueError, match=words) as caught:
        understand(arrays, config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scale", [3**0.5, None])
def test_defaults_in_a_transformer_lens_config_are_fine(arrays, scale):
    config = {"d_vocab_out": -1, "n_heads": -1, "attn_scale": scale, "seed": 1}
    understand(arrays, config | {"output_logits_soft_cap": -1.0, "device": "cpu"})


def test_a_width_that_nothing_uses_and_an_eps_without_norm_are_not_compared(arrays):
    check_agrees(infer(arrays), {"eps": 0.1})
    bare = {name: array for name, array in arrays.items() if ".mlp." not in name}
    check_agrees(infer(bare), {"d_mlp": 999})


def test_what_is_written_agrees_with_what_is_read(arrays):
    task, model, _ = network()
    assert understand(arrays, config_of(task, model)) == ("relu", "mlp")
