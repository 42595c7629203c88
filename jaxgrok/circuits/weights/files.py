"""Read the files of a network from elsewhere: an .npz and an .npy.

>>> read_arrays(Path("model.npz"))["embed.W_E"].shape
(114, 128)
>>> train_index("rows.npy", task).sum()
3830
"""

import os
from pathlib import Path

import numpy as np

from jaxgrok.circuits.weights.layout import Arrays, bracket
from jaxgrok.host.files.npz import DAMAGE, Npz, PythonObjects, array_of
from jaxgrok.host.files.paths import opened
from jaxgrok.tasks.modular import Modular

BUFFERS = (".mask", ".IGNORE")
"""Ends of the names that TransformerLens saves beside its parameters."""


def read_arrays(path: Path) -> Arrays:
    """Return every array of an .npz but TransformerLens' buffers.

    Raises:
        ValueError: the file is no .npz, is damaged, or holds Python objects; one line.
    """
    with opened(path) as stream:
        try:
            file = Npz(stream)
        # A damaged zip fails in as many ways as it has fields.
        except DAMAGE:
            file = None
        if _is_torch(path, file):
            raise ValueError(
                f"{path} is a PyTorch file; make an .npz of its state dict with "
                "numpy.savez('model.npz', **{name: w.float().numpy() for name, w in "
                "state_dict.items()})"
            )
        if file is None:
            raise ValueError(f"{path} is not a .npz file of arrays")
        return {
            name: _entry(file, name, path)
            for name in file
            if not name.endswith(BUFFERS)
        }


def _entry(file: Npz, name: str, path: Path) -> np.ndarray:
    """Read one array of an .npz."""
    try:
        return file[name]
    except PythonObjects:
        reason = "holds Python objects, not numbers"
    except KeyError:
        reason = "is no array"
    except DAMAGE:
        reason = "is damaged"
    raise ValueError(f"{path}: {name} {reason}")


def _is_torch(path: Path, file: Npz | None) -> bool:
    """Tell whether a file is PyTorch's, by its name or by what its zip holds."""
    if path.suffix in (".pth", ".pt"):
        return True
    return any(name.endswith("data.pkl") for name in file or ())


def train_index(path: str | os.PathLike[str], task: Modular) -> np.ndarray:
    """Return which examples are for training: [pool] bool.

    Args:
        path: an .npy of row numbers x·p + y, each once, in any order; of pairs [n, 2],
            or [n, 3] with the token of `=`; or of a mask over all rows, [p²] bool.
        task: whose pool the rows number.

    Raises:
        ValueError: the file holds something else; one line.
    """
    path = Path(path)
    with opened(path) as file:
        try:
            array = array_of(file.read())
        except DAMAGE:
            raise ValueError(f"{path} is not a .npy file of numbers") from None
    rows = _rows(array, task.modulus)
    if rows is None or not rows.size:
        raise ValueError(
            f"{path} holds {array.dtype} {bracket(array.shape)}; expected row numbers "
            f"x·p + y, integers [examples], at least one; or pairs, integers "
            f"[examples, 2]; or a mask, bool [{task.modulus**2}]"
        )
    # The pool may lack rows (x/y has no y = 0); the numbering does not change.
    x, y, _ = task.pool()[0].T.astype(np.int64)
    pool = x * task.modulus + y
    unknown = rows[~np.isin(rows, pool)]
    if unknown.size:
        raise ValueError(
            f"{path}: row {unknown[0]} is no pair of {task.operation} mod "
            f"{task.modulus}; rows are x·{task.modulus} + y, {pool[0]} … {pool[-1]}"
        )
    values, counts = np.unique(rows, return_counts=True)
    if counts.max() > 1:
        raise ValueError(
            f"{path}: row {values[counts > 1][0]} is there more than once; drop it"
        )
    return np.isin(pool, rows)


def _rows(array: np.ndarray, p: int) -> np.ndarray | None:
    """Return row numbers x·p + y, from themselves, pairs or a mask; None for others."""
    if array.dtype == bool:
        return np.flatnonzero(array) if array.size == p * p else None
    if not np.issubdtype(array.dtype, np.integer):
        return None
    if array.ndim == 1:
        return array
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        return None
    x, y, *rest = array.T.astype(np.int64)
    is_pair = (x >= 0) & (x < p) & (y >= 0) & (y < p)
    # The third token is `=`, which has the number p.
    is_token = all((column == p).all() for column in rest)
    return x * p + y if is_pair.all() and is_token else None
