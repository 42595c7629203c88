"""Networks to and from elsewhere: weights by TransformerLens' names, without torch.

The files are an .npz of weights, and a cfg.json beside it.
Only networks over `x y =` are read; whatever the package's own model does not compute
is refused by name and shape.

>>> save_npz("model.npz", params, config_of(task, model, seed=0))
>>> task, model, params = load_npz("model.npz")
"""

import dataclasses
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxgrok.circuits.weights.files import read_arrays
from jaxgrok.circuits.weights.layout import (
    MLP_BIASES,
    OTHER_BIASES,
    Arrays,
    Form,
    axes_of,
    check,
    fill_biases,
    from_authors,
    infer,
)
from jaxgrok.circuits.weights.transformerlens_config import (
    activation_of,
    biases_of,
    check_agrees,
    config_of,
    normalization,
    read_config,
)
from jaxgrok.host.files.atomic_files import write_atomically
from jaxgrok.host.files.paths import UserPath, as_path
from jaxgrok.models import transformer
from jaxgrok.models.transformer import Transformer
from jaxgrok.tasks.modular import Modular

__all__ = ["config_of", "load_npz", "save_npz"]


def save_npz(
    path: UserPath, params: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    """Write weights under TransformerLens' names and layouts, and cfg.json beside them.

    Each file is written whole or not at all.

    Args:
        path: the .npz; its folder is made.
        params: by their TransformerLens names. Biases that TransformerLens has and
            `params` has not are written as zeros.
        config: of `config_of`.

    Raises:
        ValueError: params and config do not fit, or a cfg.json in that folder describes
            other weights.
    """
    path = as_path(path)
    if path.suffix != ".npz":
        raise ValueError(f"{path} must end in .npz")
    arrays = {name: np.asarray(array) for name, array in params.items()}
    form = Form.of_config(config)
    fill_biases(arrays, form)
    check(arrays, form)
    text = json.dumps(dict(config), indent=1) + "\n"
    file = path.with_name("cfg.json")
    siblings = sorted(
        other.name for other in path.parent.glob("*.npz") if other != path
    )
    # Several steps of one training may share a cfg.json; two networks may not.
    if siblings and file.exists() and file.read_bytes() != text.encode():
        raise ValueError(
            f"{file} describes {siblings[0]}, another network; write {path.name} to a "
            "folder of its own"
        )
    # Serialised in memory: the file appears under its name in one rename.
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())
    write_atomically(file, text.encode())


def load_npz(
    path: str | os.PathLike[str],
    *,
    operation: str | None = None,
    activation: str | None = None,
) -> tuple[Modular, Transformer, Arrays]:
    """Return (task, model, params) of weights under TransformerLens' names.

    Arrays in the layout of the post's own checkpoints are turned into TransformerLens'.
    Modulus, layers, widths and layer norm come from the arrays. Biases may be missing:
    the model has those of cfg.json's `biases`, or "mlp", or "all" where another one is
    not zero. Layer norm that was folded into the weights (normalization_type "LNPre" in
    cfg.json) gets scales of 1 and shifts of 0.

    Args:
        path: the .npz.
        operation: of the task; by default cfg.json's, or else x+y.
        activation: of the model; by default cfg.json's, or else relu.

    Raises:
        ValueError: arrays are missing, unknown, not finite or of another shape, or
            cfg.json is at odds with them or with what our model computes; one line.
    """
    path = Path(path)
    arrays, config = from_authors(read_arrays(path)), read_config(path)
    try:
        return _understand(arrays, config, operation, activation)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _understand(
    arrays: Arrays,
    config: Mapping[str, Any],
    operation: str | None,
    activation: str | None,
) -> tuple[Modular, Transformer, Arrays]:
    """Infer task and model from arrays and cfg.json; cut the arrays to the model's."""
    if config.get("attn_only"):
        # TransformerLens 4 gives attention-only networks an MLP of zeros.
        arrays = {n: a for n, a in arrays.items() if not _is_idle(n, a)}
    form = infer(arrays)
    form = dataclasses.replace(form, normalization_type=normalization(form, config))
    # With all biases filled in, one layout serves every network; the model's form of
    # biases is chosen below, and what it has no use for is dropped again.
    fill_biases(arrays, form)
    check(arrays, form)
    check_agrees(form, config)
    if form.normalization_type == "LNPre":
        _unfold_layer_norm(arrays, form)
    task = Modular(
        operation=operation or config.get("operation", "x+y"),
        modulus=form.d_vocab - 1,
        equals_logit=form.d_vocab_out == form.d_vocab,
        table_seed=config.get("table_seed", 0),
    )
    # float16 is for storage: the model computes in float32 at least.
    dtype = np.result_type(np.float32, *arrays.values()).name
    biases = biases_of(arrays, config)
    model = _model(form, task, activation or activation_of(config), biases, dtype)
    absent = {"none": MLP_BIASES + OTHER_BIASES, "mlp": OTHER_BIASES, "all": ()}[biases]
    params = {}
    for name, array in arrays.items():
        if not name.endswith(absent):
            params[name] = array.astype(dtype)
    return task, model, params


def _is_idle(name: str, array: np.ndarray) -> bool:
    """Tell whether an array is part of an MLP of zeros."""
    is_number = np.issubdtype(array.dtype, np.number)
    return ".mlp." in name and is_number and not array.any()


def _model(
    form: Form, task: Modular, activation: str, biases: str, dtype: str
) -> Transformer:
    """Build the model of a form."""
    # An attention-only model has a width that nothing uses: the builder's own.
    width: dict[str, Any] = {} if form.attn_only else {"d_mlp": form.d_mlp}
    return transformer.build(
        task,
        layers=form.n_layers,
        d_model=form.d_model,
        heads=form.n_heads,
        d_head=form.d_head,
        activation=activation,
        attention_only=form.attn_only,
        layer_norm=form.normalization_type is not None,
        biases=biases,
        dtype=dtype,
        **width,
    )


def _unfold_layer_norm(arrays: Arrays, form: Form) -> None:
    """Add scales of 1 and shifts of 0 for layer norm that was folded away, in place."""
    whole = dataclasses.replace(form, normalization_type="LN")
    for name in axes_of(whole).keys() - arrays.keys():
        # `.w` is a scale, `.b` a shift: True fills in 1, and False 0.
        arrays[name] = np.full(form.d_model, name.endswith(".w"), np.float32)
