"""What the variables of a dataset are called, and their units, for `.plot()` to write.

>>> label(dataset)
>>> dataset.test_loss.attrs
{'units': 'nats', 'long_name': 'test loss'}
"""

import xarray as xr

from jaxgrok.training.records import PLAIN, STEP

LONG_NAMES = {
    "W_E_norm": "norm of W_E",
    "W_L_norm": "norm of W_L",
    "block_width": "lanes of a block",
    "cause": "why it ended",
    "change_step": "step of the phase change",
    "change_width": "width of the phase change",
    "freq": "frequency",
    "id": "hash of the cell",
    "matrix": "parameter",
    "max_train_loss": "largest train loss since the last evaluation",
    "n_train": "training examples",
    "non_convex": "non-convex phase change",
    "spikes": "spikes of the train loss",
    "step": "training step",
    "steps": "steps made",
    "sum_of_squares": "sum of squares of the weights",
}
"""Variable → its name on an axis, where that is not its own with spaces."""
UNITS = {curve.name: curve.unit for curve in (STEP, *PLAIN)} | {
    "steps": "steps",
    "memorise_step": "steps",
    "grok_step": "steps",
    "change_step": "steps",
    "change_width": "steps",
}
"""Variable → its unit, where it has one."""


def label(dataset: xr.Dataset) -> None:
    """Give every variable and coordinate a `long_name`, and `units`, in place.

    Pure numbers and words have no units: a plot would write an empty [] behind their
    names. What has them already keeps them.
    """
    for name, variable in dataset.variables.items():
        long_name, units = described(str(name))
        if units:
            variable.attrs.setdefault("units", units)
        variable.attrs.setdefault("long_name", long_name)


def described(name: str) -> tuple[str, str]:
    """Return the long name and the units of a variable, "" where it has none."""
    for prefix in ("final_", "component_"):
        # Of one with such a prefix: the last value of a curve, a part of a quantity.
        own = name.removeprefix(prefix)
        if own != name and (own in UNITS or own in LONG_NAMES):
            long_name, units = described(own)
            return f"{prefix[:-1]} {long_name}", units
    return LONG_NAMES.get(name, name.replace("_", " ")), UNITS.get(name, "")
