"""What arrays a network has in TransformerLens: their names, axes and sizes.

>>> form = infer(arrays)
>>> check(arrays, form)
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]

LAYOUT = {
    "embed.W_E": ("vocab", "model"),
    "pos_embed.W_pos": ("pos", "model"),
    "blocks.attn.W_Q": ("heads", "model", "head"),
    "blocks.attn.W_K": ("heads", "model", "head"),
    "blocks.attn.W_V": ("heads", "model", "head"),
    "blocks.attn.W_O": ("heads", "head", "model"),
    "blocks.attn.b_Q": ("heads", "head"),
    "blocks.attn.b_K": ("heads", "head"),
    "blocks.attn.b_V": ("heads", "head"),
    "blocks.attn.b_O": ("model",),
    "blocks.mlp.W_in": ("model", "mlp"),
    "blocks.mlp.b_in": ("mlp",),
    "blocks.mlp.W_out": ("mlp", "model"),
    "blocks.mlp.b_out": ("model",),
    "blocks.ln1.w": ("model",),
    "blocks.ln1.b": ("model",),
    "blocks.ln2.w": ("model",),
    "blocks.ln2.b": ("model",),
    "ln_final.w": ("model",),
    "ln_final.b": ("model",),
    "unembed.W_U": ("model", "vocab_out"),
    "unembed.b_U": ("vocab_out",),
}
"""TransformerLens' arrays and their axes; `blocks` stands for every `blocks.i`."""
SIZES = {
    "vocab": "d_vocab",
    "vocab_out": "d_vocab_out",
    "model": "d_model",
    "pos": "n_ctx",
    "heads": "n_heads",
    "head": "d_head",
    "mlp": "d_mlp",
}
"""Axis → the field of a form that holds its size."""
TURNED = ("W_E", ".W_Q", ".W_K", ".W_V", ".W_in", ".W_out")
"""Arrays whose last two axes the post's own checkpoints have the other way round."""
MLP_BIASES = (".b_in", ".b_out")
OTHER_BIASES = (".b_Q", ".b_K", ".b_V", ".b_O", ".b_U")


@dataclasses.dataclass(frozen=True)
class Form:
    """The fields of TransformerLens' config that decide which arrays there are.

    Attributes:
        n_ctx: positions.
        d_mlp: None in an attention-only network.
        normalization_type: "LN", "LNPre" (layer norm whose scale and shift are folded
            into the weights), or None.
    """

    n_layers: int
    n_ctx: int
    n_heads: int
    d_head: int
    d_model: int
    d_mlp: int | None
    d_vocab: int
    d_vocab_out: int
    attn_only: bool
    normalization_type: str | None

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> "Form":
        """Take the fields of a form from a whole config."""
        # cfg.json says more than a form: the other fields change no shape.
        return cls(
            **{field.name: config[field.name] for field in dataclasses.fields(cls)}
        )

    def shape(self, axes: Iterable[str]) -> tuple[int, ...]:
        """Return the sizes of some axes."""
        return tuple(getattr(self, SIZES[axis]) for axis in axes)


def axes_of(form: Form) -> dict[str, tuple[str, ...]]:
    """Return every array that TransformerLens has for this form, and its axes."""
    axes_by_name: dict[str, tuple[str, ...]] = {}
    for name, axes in LAYOUT.items():
        # `.w` and `.b` are layer norms' alone; other biases are `.b_…`.
        if name.endswith((".w", ".b")) and form.normalization_type != "LN":
            continue
        if form.attn_only and (".mlp." in name or ".ln2." in name):
            continue
        layers = range(form.n_layers) if name.startswith("blocks.") else (0,)
        for layer in layers:
            axes_by_name[name.replace("blocks.", f"blocks.{layer}.")] = axes
    return axes_by_name


def from_authors(arrays: Arrays) -> Arrays:
    """Return arrays of the post's own checkpoints in TransformerLens' layout.

    Theirs have W_E [model, vocab], W_Q [heads, head, model], W_O [model, heads · head],
    W_in [mlp, model] and W_out [model, mlp]. It is the two axes of W_O that tell them
    apart; other arrays are returned as they are.
    """
    outputs = [array for name, array in arrays.items() if name.endswith(".attn.W_O")]
    if not outputs or any(array.ndim != 2 for array in outputs):
        return arrays
    return {name: _from_authors(name, array, arrays) for name, array in arrays.items()}


def _from_authors(name: str, array: np.ndarray, arrays: Arrays) -> np.ndarray:
    """Turn one array of the post's own checkpoints."""
    if name.endswith(TURNED) and array.ndim >= 2:
        return array.swapaxes(-1, -2)
    # W_O has heads and width of a head as one axis: W_V says how it is cut.
    W_V = arrays.get(name.removesuffix("W_O") + "W_V", np.zeros(0))
    if name.endswith(".attn.W_O") and W_V.ndim == 3:
        heads, head, _ = W_V.shape
        if array.shape[1] == heads * head:
            return array.T.reshape(heads, head, len(array))
    return array


def fill_biases(arrays: Arrays, form: Form) -> None:
    """Add zeros for the biases that are missing, in place."""
    like = arrays.get("embed.W_E", np.zeros(0, np.float32))
    for name, axes in axes_of(form).items():
        # A missing weight is not filled in: `check` refuses it.
        if name.endswith(MLP_BIASES + OTHER_BIASES) and name not in arrays:
            arrays[name] = np.zeros(form.shape(axes), like.dtype)


def check(arrays: Arrays, form: Form) -> None:
    """Raise ValueError for an array missing, unknown, misshapen or not finite."""
    layout = axes_of(form)
    # Told last, unless an array is missing: then one of these may be it, misnamed.
    unknown = [name for name in arrays if name not in layout]
    for name, axes in layout.items():
        shape = form.shape(axes)
        if name not in arrays:
            raise ValueError(_missing(name, axes, unknown, shape))
        array = arrays[name]
        if array.shape != shape:
            raise ValueError(_unlike(name, array, axes, shape))
        if array.dtype not in (np.float16, np.float32, np.float64):
            raise ValueError(f"{name} is {array.dtype}; expected float32 or float64")
        if not np.isfinite(array).all():
            count = np.count_nonzero(~np.isfinite(array))
            raise ValueError(f"{name} holds {count} values that are not finite")
    if unknown:
        raise ValueError(
            f"arrays that our model has no use for: {_some(unknown)}; names are "
            "TransformerLens', such as blocks.0.attn.W_Q"
        )


def infer(arrays: Arrays) -> Form:
    """Return the form of a network over `x y =`, from the arrays that define a size.

    Raises:
        ValueError: one of those is missing, or the vocabularies do not fit.
    """
    attn_only = not any(".mlp." in name for name in arrays)
    sizes = _sizes(arrays, attn_only)
    _check_vocabulary(arrays, sizes)
    # Layers that are not numbered 0, 1, … come out as missing arrays in `check`.
    norm = any(name.endswith(".ln1.w") for name in arrays)
    blocks = {name.split(".")[1] for name in arrays if name.startswith("blocks.")}
    return Form(
        n_layers=len(blocks),
        n_ctx=3,
        n_heads=sizes["heads"],
        d_head=sizes["head"],
        d_model=sizes["model"],
        d_mlp=sizes.get("mlp"),
        d_vocab=sizes["vocab"],
        d_vocab_out=sizes["vocab_out"],
        attn_only=attn_only,
        normalization_type="LN" if norm else None,
    )


def _sizes(arrays: Arrays, attn_only: bool) -> dict[str, int]:
    """Read the size of each axis off the first array that has it."""
    sizes: dict[str, int] = {}
    # These four have every axis but pos; `check` compares all arrays with them.
    for name in ("embed.W_E", "blocks.0.attn.W_Q", "blocks.0.mlp.W_in", "unembed.W_U"):
        axes = LAYOUT[name.replace(".0", "")]
        if ".mlp." in name and attn_only:
            continue
        if name not in arrays:
            raise ValueError(_missing(name, axes, arrays))
        if arrays[name].ndim != len(axes):
            raise ValueError(_unlike(name, arrays[name], axes))
        for axis, size in zip(axes, arrays[name].shape, strict=True):
            sizes.setdefault(axis, size)
    return sizes


def _check_vocabulary(arrays: Arrays, sizes: Mapping[str, int]) -> None:
    """Refuse vocabularies that are not those of `x y =`."""
    p = sizes["vocab"] - 1
    if p < 2:
        raise ValueError(
            f"embed.W_E is {bracket(arrays['embed.W_E'].shape)}; expected "
            "[p + 1, model], p at least 2: a row for each number, and one for ="
        )
    if sizes["vocab_out"] not in (p, p + 1):
        W_E, W_U = arrays["embed.W_E"], arrays["unembed.W_U"]
        if W_E.shape[0] == W_U.shape[0] and W_E.shape[1] - W_U.shape[1] in (0, 1):
            raise ValueError(
                f"embed.W_E is {bracket(W_E.shape)}; expected [vocab, model] = "
                f"{bracket(W_E.T.shape)}: it is transposed"
            )
        raise ValueError(
            f"unembed.W_U is {bracket(arrays['unembed.W_U'].shape)}; expected [model, "
            f"vocab_out] = [{sizes['model']}, {p}] or [{sizes['model']}, {p + 1}], "
            f"since embed.W_E has {p + 1} rows"
        )


def _missing(
    name: str,
    axes: Iterable[str],
    unknown: Iterable[str],
    shape: Sequence[int] | None = None,
) -> str:
    """Word the refusal of a missing array; one of the unknown may be it, misnamed."""
    also = f"; there are also {_some(unknown)}" if list(unknown) else ""
    return f"{name} is missing; expected {_expected(axes, shape)}{also}"


def _unlike(
    name: str,
    array: np.ndarray,
    axes: Iterable[str],
    shape: Sequence[int] | None = None,
) -> str:
    """Word the refusal of an array of another shape."""
    return f"{name} is {bracket(array.shape)}; expected {_expected(axes, shape)}"


def _expected(axes: Iterable[str], shape: Sequence[int] | None) -> str:
    """Word a shape: its axes, and its sizes where they are known."""
    return bracket(axes) + ("" if shape is None else f" = {bracket(shape)}")


def bracket(sizes: Iterable[object]) -> str:
    """Write sizes as [2, 3]."""
    return f"[{', '.join(map(str, sizes))}]"


def _some(names: Iterable[str], most: int = 6) -> str:
    """Name the first, and say how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if names[most:] else ""
    return ", ".join(names[:most]) + more
