"""cfg.json beside a network's weights: TransformerLens' fields, then the task's own.

>>> config = config_of(task, model, seed=0)
>>> check_agrees(infer(arrays), read_config(path))
"""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgrok.circuits.weights.layout import MLP_BIASES, OTHER_BIASES, Arrays, Form
from jaxgrok.host.files.paths import content_of
from jaxgrok.host.files.sealed import parsed
from jaxgrok.host.files.typed import typed
from jaxgrok.models.transformer import Transformer
from jaxgrok.models.transformer_parameters import BIASES
from jaxgrok.tasks import TASKS

ACT_FN = {"relu": ("relu",), "gelu": ("gelu_new", "gelu_fast", "gelu_pytorch_tanh")}
"""Our activations → TransformerLens' names, the first of which is written. Its `gelu`
is the exact one; ours is the tanh form."""
ONLY = {
    "attention_dir": "causal",
    "positional_embedding_type": "standard",
    "use_attn_scale": True,
    "scale_attn_by_inverse_layer_idx": False,
    "attn_scores_soft_cap": -1.0,
    "output_logits_soft_cap": -1.0,
    "use_local_attn": False,
    "use_qk_norm": False,
    "parallel_attn_mlp": False,
    "gated_mlp": False,
    "final_rms": False,
    "post_embedding_ln": False,
    "use_normalization_before_and_after": False,
}
"""Fields of a TransformerLens config with the one value that our model computes."""
LAYER_NORM_EPS = 1e-5


def config_of(
    task: Any, model: Transformer, *, seed: int | None = None
) -> dict[str, Any]:
    """Return cfg.json: HookedTransformerConfig's fields, then the task's own.

    TransformerLens 4 takes the result as it is, TransformerLens 3 without the task's
    fields (docs/circuit.md has the lines).

    Args:
        task: a registered one, a dataclass.
        model: the network's.
        seed: of the training.
    """
    names = {kind: name for name, kind in TASKS.items()}
    # HookedTransformerConfig wants no width and no activation without an MLP.
    mlp = not model.attention_only
    return {
        "n_layers": model.layers,
        "d_model": model.d_model,
        "d_head": model.d_head,
        "n_heads": model.heads,
        "d_mlp": model.d_mlp if mlp else None,
        "d_vocab": model.vocab_in,
        "d_vocab_out": model.vocab_out,
        "n_ctx": len(model.fixed_tokens),
        "act_fn": ACT_FN[model.activation][0] if mlp else None,
        "normalization_type": "LN" if model.layer_norm else None,
        "eps": LAYER_NORM_EPS,
        "attn_only": model.attention_only,
        "attention_dir": "causal",
        "positional_embedding_type": "standard",
        "seed": seed,
        "task": names[type(task)],
        **dataclasses.asdict(task),
        "biases": model.biases,
    }


def read_config(weights: Path) -> dict[str, Any]:
    """Read the cfg.json in the folder of an .npz; {} if there is none."""
    file = weights.with_name("cfg.json")
    if not file.exists():
        return {}
    try:
        config = parsed(content_of(file))
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error})") from None
    if not isinstance(config, dict):
        raise ValueError(f"{file} holds no fields")
    for name, kind in _KINDS.items():
        try:
            typed(config.get(name), kind | None)
        except ValueError as error:
            raise ValueError(f"{file} says {name}={error}") from None
    return config


_KINDS = {
    "act_fn": str,
    "biases": str,
    "normalization_type": str,
    "operation": str,
    "table_seed": int,
}
"""Entries of cfg.json that are more than compared → their types."""


def normalization(form: Form, config: Mapping[str, Any]) -> str | None:
    """Return the normalization_type of cfg.json, or of the arrays if it says none."""
    kind: str | None = config.get("normalization_type", form.normalization_type)
    if kind not in (None, "LN", "LNPre"):
        raise ValueError(
            f"cfg.json says normalization_type={kind!r:.60}; our model computes null, "
            "LN and LNPre"
        )
    # "LNPre" has no arrays of its own: from them alone it looks like no layer norm.
    if (kind == "LN") != (form.normalization_type == "LN"):
        raise ValueError(
            f"cfg.json says normalization_type={kind!r:.60}, and there is "
            f"{'no' if kind == 'LN' else 'a'} blocks.0.ln1.w"
        )
    return kind


def activation_of(config: Mapping[str, Any]) -> str:
    """Return our name of cfg.json's activation; relu if it names none."""
    theirs = config.get("act_fn") or "relu"
    computed: list[str] = []
    for ours, names in ACT_FN.items():
        if theirs in names:
            return ours
        computed += names
    hint = ""
    if theirs == "gelu":
        hint = "; write gelu_new to take its tanh form instead"
    raise ValueError(
        f"cfg.json says act_fn={theirs!r:.60}; our model computes "
        f"{', '.join(computed)}{hint}"
    )


def biases_of(arrays: Arrays, config: Mapping[str, Any]) -> str:
    """Return cfg.json's form of biases, or the next that has all that are not zero."""
    form: str = config.get("biases", "mlp")
    if form not in BIASES:
        raise ValueError(f"cfg.json says biases={form!r:.60}; take {', '.join(BIASES)}")
    # A bias that is zero may be dropped: the network computes the same without it.
    nonzero = [name for name, array in arrays.items() if array.any()]
    if any(name.endswith(OTHER_BIASES) for name in nonzero):
        return "all"
    if form == "none" and any(name.endswith(MLP_BIASES) for name in nonzero):
        return "mlp"
    return form


def check_agrees(form: Form, config: Mapping[str, Any]) -> None:
    """Refuse a cfg.json at odds with the arrays, or with what our model computes."""
    arrays = dataclasses.asdict(form) | {"modulus": form.d_vocab - 1}
    if form.attn_only:
        # TransformerLens may name a width that nothing uses.
        del arrays["d_mlp"]
    model = ONLY | {"task": "modular", "attn_scale": math.sqrt(form.d_head)}
    if form.normalization_type:
        model |= {"eps": LAYER_NORM_EPS}
    for who, fields in (("the arrays say", arrays), ("our model computes", model)):
        for field, value in fields.items():
            # None and -1 are TransformerLens' ways to leave a field to its default.
            if config.get(field, value) not in (value, None, -1):
                raise ValueError(
                    f"cfg.json says {field}={config[field]!r:.60}; {who} {value!r}"
                )
