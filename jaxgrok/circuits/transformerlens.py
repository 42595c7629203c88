"""Networks to and from elsewhere: weights by TransformerLens' names, without torch.

Owns the .npz of weights, the cfg.json beside it (HookedTransformerConfig's fields,
then the task's own) and the .npy of training rows. Reads networks over `x y =` only,
and refuses, by name and shape, whatever the package's own model does not compute.

    >>> save_npz("model.npz", params, config_of(task, model, seed=0))
    >>> task, model, params = load_npz("model.npz")
"""

import dataclasses
import io
import json
import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxgrok.circuits.weight_layout import (
    MLP_BIASES,
    OTHER_BIASES,
    Arrays,
    axes_of,
    bracket,
    check,
    fill_biases,
    infer,
)
from jaxgrok.host.atomic_files import write_atomically
from jaxgrok.models import transformer
from jaxgrok.models.transformer import Transformer
from jaxgrok.tasks import TASKS
from jaxgrok.tasks.modular import Modular

BUFFERS = (".mask", ".IGNORE")
"""Ends of the names that TransformerLens saves beside its parameters."""
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

    `seed` is the training's. `TransformerBridge.boot_native` takes the result as it is.
    """
    names = {kind: name for name, kind in TASKS.items()}
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


def save_npz(
    path: str | os.PathLike[str], params: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    """Write weights under TransformerLens' names and layouts, and cfg.json beside them.

    Biases that TransformerLens has and `params` have not are written as zeros; `config`
    is `config_of`'s. Each file is there whole or not at all. Raises ValueError where
    params and config do not fit, and where a cfg.json there describes other weights.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"{path} must end in .npz")
    arrays = {name: np.asarray(array) for name, array in params.items()}
    fill_biases(arrays, config)
    check(arrays, config)
    text = json.dumps(dict(config), indent=1) + "\n"
    beside = path.with_name("cfg.json")
    others = sorted(file.name for file in path.parent.glob("*.npz") if file != path)
    if others and beside.exists() and beside.read_text() != text:
        raise ValueError(
            f"{beside} describes {others[0]}, another network; write {path.name} to a "
            "folder of its own"
        )
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())
    write_atomically(beside, text.encode())


def load_npz(
    path: str | os.PathLike[str],
    *,
    operation: str | None = None,
    activation: str | None = None,
) -> tuple[Modular, Transformer, Arrays]:
    """Return (task, model, params) of weights under TransformerLens' names.

    Modulus, layers, widths and layer norm come from the arrays; operation and
    activation from the arguments, or cfg.json beside the file, or else x+y and relu.
    Biases may be missing. The model has those of cfg.json's `biases`, or "mlp", or
    "all" where another one is not zero. Layer norm that was folded into the weights
    (normalization_type "LNPre" in cfg.json) gets scales of 1 and shifts of 0. Raises
    ValueError, one line, for arrays that are missing, unknown, not finite or of another
    shape, and for a cfg.json at odds with them or with what our model computes.
    """
    path = Path(path)
    arrays, given = _read(path), _config_beside(path)
    try:
        return _understand(arrays, given, operation, activation)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def train_index(path: str | os.PathLike[str], task: Modular) -> np.ndarray:
    """Return which examples are for training: bool over the task's pool, [examples].

    The .npy file holds row numbers x·p + y: integers, each once, in any order.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            rows = np.lib.format.read_array(file, allow_pickle=False)
    except ValueError:
        raise ValueError(f"{path} is not a .npy file of numbers") from None
    if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer) or not rows.size:
        raise ValueError(
            f"{path} holds {rows.dtype} {bracket(rows.shape)}; expected row numbers "
            "x·p + y, integers [examples], at least one"
        )
    x, y, _ = task.pool()[0].T.astype(np.int64)
    pool = x * task.modulus + y
    strange = rows[~np.isin(rows, pool)]
    if strange.size:
        raise ValueError(
            f"{path}: row {strange[0]} is no pair of {task.operation} mod "
            f"{task.modulus}; rows are x·{task.modulus} + y, {pool[0]} … {pool[-1]}"
        )
    values, counts = np.unique(rows, return_counts=True)
    if counts.max() > 1:
        raise ValueError(
            f"{path}: row {values[counts > 1][0]} is there more than once; drop it"
        )
    return np.isin(pool, rows)


def _understand(
    arrays: Arrays, given: dict[str, Any], operation: str | None, activation: str | None
) -> tuple[Modular, Transformer, Arrays]:
    """Infer task and model from arrays and cfg.json; cut the arrays to the model's."""
    if given.get("attn_only"):  # TransformerLens 4 gives those an MLP of zeros
        arrays = {n: a for n, a in arrays.items() if ".mlp." not in n or a.any()}
    config = infer(arrays)
    config["normalization_type"] = _normalization(config, given)
    fill_biases(arrays, config)
    check(arrays, config)
    _agree(config, given)
    if config["normalization_type"] == "LNPre":
        names = axes_of({**config, "normalization_type": "LN"}).keys() - arrays.keys()
        width = config["d_model"]
        arrays |= {n: np.full(width, n.endswith(".w"), np.float32) for n in names}
    task = Modular(
        operation=operation or given.get("operation", "x+y"),
        modulus=config["d_vocab"] - 1,
        equals_logit=config["d_vocab_out"] == config["d_vocab"],
        table_seed=given.get("table_seed", 0),
    )
    dtype = np.result_type(np.float32, *arrays.values()).name
    model = transformer.build(
        task,
        layers=config["n_layers"],
        d_model=config["d_model"],
        heads=config["n_heads"],
        d_head=config["d_head"],
        activation=activation or _activation(given),
        attention_only=config["attn_only"],
        layer_norm=config["normalization_type"] is not None,
        biases=_biases(arrays, given),
        dtype=dtype,
        **({} if config["attn_only"] else {"d_mlp": config["d_mlp"]}),
    )
    absent = {"none": MLP_BIASES + OTHER_BIASES, "mlp": OTHER_BIASES, "all": ()}
    params = {
        name: array.astype(dtype)
        for name, array in arrays.items()
        if not name.endswith(absent[model.biases])
    }
    return task, model, params


def _normalization(form: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    """None, "LN", or "LNPre": layer norm whose scale and shift are folded away."""
    found = given.get("normalization_type", form["normalization_type"])
    if found not in (None, "LN", "LNPre"):
        raise ValueError(
            f"cfg.json says normalization_type={found!r}; our model computes null, LN "
            "and LNPre"
        )
    if (found == "LN") != (form["normalization_type"] == "LN"):
        raise ValueError(
            f"cfg.json says normalization_type={found!r}, and there is "
            f"{'no' if found == 'LN' else 'a'} blocks.0.ln1.w"
        )
    return found


def _activation(given: Mapping[str, Any]) -> str:
    """Our name of cfg.json's activation."""
    theirs = given.get("act_fn") or "relu"
    for ours, names in ACT_FN.items():
        if theirs in names:
            return ours
    known = ", ".join(name for names in ACT_FN.values() for name in names)
    hint = "; write gelu_new to take its tanh form instead" * (theirs == "gelu")
    raise ValueError(
        f"cfg.json says act_fn={theirs!r}; our model computes {known}{hint}"
    )


def _biases(arrays: Arrays, given: Mapping[str, Any]) -> str:
    """cfg.json's form of biases, or the next one that has all which are not zero."""
    form = given.get("biases", "mlp")
    if form not in transformer.BIASES:
        raise ValueError(
            f"cfg.json says biases={form!r}; take {', '.join(transformer.BIASES)}"
        )
    used = [name for name, array in arrays.items() if array.any()]
    if any(name.endswith(OTHER_BIASES) for name in used):
        return "all"
    if form == "none" and any(name.endswith(MLP_BIASES) for name in used):
        return "mlp"
    return form


def _agree(form: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse a cfg.json at odds with the arrays, or with what our model computes."""
    arrays = {**form, "modulus": form["d_vocab"] - 1}
    model = ONLY | {"task": "modular", "attn_scale": math.sqrt(form["d_head"])}
    if form["normalization_type"]:
        model |= {"eps": LAYER_NORM_EPS}
    for who, facts in (("the arrays say", arrays), ("our model computes", model)):
        for field, fact in facts.items():
            # None and -1 are TransformerLens' ways to leave a field to its default.
            if given.get(field, fact) not in (fact, None, -1):
                raise ValueError(
                    f"cfg.json says {field}={given[field]!r}; {who} {fact!r}"
                )


def _read(path: Path) -> Arrays:
    """Every array of a .npz but TransformerLens' buffers."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            names = [name for name in file.files if not name.endswith(BUFFERS)]
            return {name: np.asarray(file[name]) for name in names}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, TypeError):
        raise ValueError(f"{path} is not a .npz file of arrays") from None


def _config_beside(path: Path) -> dict[str, Any]:
    """The cfg.json in the same folder, or an empty one."""
    beside = path.with_name("cfg.json")
    if not beside.exists():
        return {}
    try:
        found = json.loads(beside.read_text())
    except ValueError as error:
        raise ValueError(f"{beside} is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise ValueError(f"{beside} holds no fields")
    return found
