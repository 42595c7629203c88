"""From a config's tuples to points: product, zip and chain of axes.

A traced field is always a tuple; a static one is an axis when it is given as a tuple,
and every value of it is another program.

    >>> points, dims = combine(values)
    >>> points[0].static, points[0].traced
    ({'loss': 'exact'}, {'seed': 0, 'weight_decay': 1.0, ...})
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jaxgrok.fields.checks import (
    check_axis,
    is_text,
    refuse_other_than_tuple,
    refuse_twice,
    unknown_field,
)
from jaxgrok.fields.values import MOST_VALUES, listed, shown
from jaxgrok.grid import fields

Axes = dict[str, tuple[Any, ...]]

_SIZES = {"n_train": "train_fraction", "train_fraction": "n_train"}
"""Two ways to say how many examples train; a config uses one of them."""


class Point(NamedTuple):
    """One cell to be.

    Attributes:
        static: the static fields in which it differs from others.
        traced: its traced fields.
        part: the part of the chain it comes from; "" without one.
    """

    static: dict[str, Any]
    traced: dict[str, Any]
    part: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """What an axis of this point can be: `part`, and its fields."""
        return {"part": self.part} | self.static | self.traced

    def get(self, name: str) -> Any:
        """Return one of them, None where there is none."""
        if name in self.traced:
            return self.traced[name]
        return self.part if name == "part" else self.static.get(name)


def combine(values: Mapping[str, Any]) -> tuple[list[Point], Axes]:
    """Lay out the points of a config.

    Args:
        values: the fields of the config; those that are shared are in their types.

    Returns:
        The points, in order; and the axes of a pure product by name, {} otherwise.

    Raises:
        ValueError: a field cannot be an axis, or axes do not fit.
    """
    names = (name.strip() for name in values["zip"].split(","))
    zipped = tuple(name for name in names if name)
    base = _static_axes(values, zipped) | _traced_axes(values, zipped)
    for name in zipped:
        if name not in base:
            raise ValueError(f"zip: {unknown_field(name, base)}")
    points = []
    # Without a chain there is one part, with no name and no fields of its own.
    for part, overrides in list(values["chain"].items()) or [("", {})]:
        axes = base | _part(part, overrides, values, zipped)
        # A part that counts examples takes the place of the fractions around it.
        for name, other in _SIZES.items():
            # A size that a part sets replaces the other one, set for all parts.
            if overrides.get(name) and other not in overrides:
                axes[other] = ()
        axes = _with_own(axes, values)
        for point in _combine(axes, values, zipped):
            points.append(point._replace(part=part))
    # Only the points of a product fill a box, one dimension an axis.
    if zipped or values["chain"]:
        return points, {}
    return points, _dims(_with_own(base, values), values)


def names(points: list[Point]) -> tuple[str, ...]:
    """Return the fields that tell points apart, and those a reader expects to see."""
    size = "n_train" if "n_train" in points[0].traced else "train_fraction"
    always = {"weight_decay", "seed", size}
    # A dict as an ordered set: parts of a chain may have different fields.
    present: dict[str, None] = {}
    for point in points:
        present |= dict.fromkeys(point.values)
    traced = fields.traced()
    ordered = [name for name in present if name not in traced]
    ordered += [name for name in traced if name in present]
    return tuple(name for name in ordered if name in always or _varies(points, name))


def _varies(points: list[Point], name: str) -> bool:
    """Tell whether some points differ in a field; lacking it is a difference too."""
    first = points[0].get(name)
    return any(point.get(name) != first for point in points)


def _dims(axes: Axes, values: Mapping[str, Any]) -> Axes:
    """Return a product's dimensions: axes of several values, and a few more."""
    size = "n_train" if axes["n_train"] else "train_fraction"
    always = {"weight_decay", "seed", size}
    online = _regime(axes, values) == "online"
    dims: Axes = {}
    for name, axis in axes.items():
        # Online training draws fresh examples, so a size means nothing.
        if not axis or (online and name in _SIZES):
            continue
        if len(axis) > 1 or name in always:
            dims[name] = axis
    return dims


def _static_axes(values: Mapping[str, Any], zipped: tuple[str, ...]) -> Axes:
    """Return the static fields that are given as tuples, in alphabetical order."""
    # A tuple of a shared field is refused with its kind, where kinds are checked.
    excluded = {*fields.traced(), *fields.shared()}
    axes: Axes = {}
    for name in sorted(values.keys() - excluded):
        if isinstance(values[name], list | tuple):
            refuse_other_than_tuple(name, values[name])
        if isinstance(values[name], tuple):
            axes[name] = _static_axis(name, values[name], zipped=name in zipped)
    return axes


def _traced_axes(values: Mapping[str, Any], zipped: tuple[str, ...]) -> Axes:
    """Return the traced fields, in the order of a dataset's dimensions."""
    return {
        name: _checked(name, values[name], values["dtype"], zipped=name in zipped)
        for name in fields.traced()
        if name in values
    }


def _checked(
    name: str, axis: Any, dtype: str, *, zipped: bool = False, path: str = ""
) -> tuple[Any, ...]:
    """Return the checked axis of a traced field; `path` is its name in messages."""
    # A fraction is exact: it becomes a count, which is what lanes hold.
    if name == "train_fraction":
        dtype = "float64"
    row = fields.traced()[name]
    return check_axis(row, axis, name=path, zipped=zipped, dtype=dtype)


def _with_own(axes: Axes, values: Mapping[str, Any]) -> Axes:
    """Add the traced fields that the methods have for their own, at defaults."""
    own: Axes = {}
    for kind, registry in fields.METHODS.items():
        for name in axes.get(kind, (values[kind],)):
            # An unknown method is refused where programs are made, with its name.
            if name in registry:
                for row in registry[name].traced_rows.values():
                    own[row.name] = axes.get(row.name, row.axis)
    # Static axes stay outermost: every value of one is another program.
    traced = fields.traced()
    static = [name for name in axes if name not in traced]
    merged = axes | own
    # Static axes outermost: cells of one program follow each other.
    return {name: merged[name] for name in [*static, *traced] if name in merged}


def _static_axis(name: str, axis: tuple[Any, ...], *, zipped: bool) -> tuple[Any, ...]:
    """Return the checked axis of a static field."""
    if not axis:
        raise ValueError(f"{name}=() is empty; give at least one value")
    # A zipped axis may hold a value twice: each of its values is checked on its own.
    for values in [(value,) for value in axis] if zipped else [axis]:
        refuse_twice(name, values)
    return axis


def _part(
    part: str, overrides: Any, values: Mapping[str, Any], zipped: tuple[str, ...]
) -> Axes:
    """Return the axes that a part of a chain sets; other fields have one value."""
    # It is an axis value, and stands in the manifest and in cells.csv.
    if not is_text(part):
        raise ValueError(f"chain: the name of a part, {shown(part)}, must be a string")
    if not isinstance(overrides, dict):
        raise ValueError(
            f"chain.{part}={shown(overrides)} must be a dict of fields, as "
            "dict(seed=(0, 1))"
        )
    return {
        name: _axis_of_part(part, name, value, values, zipped=name in zipped)
        for name, value in overrides.items()
    }


def _axis_of_part(
    part: str, name: str, value: Any, values: Mapping[str, Any], *, zipped: bool
) -> tuple[Any, ...]:
    path = f"chain.{part}.{name}"
    if name in fields.traced():
        return _checked(name, value, values["dtype"], zipped=zipped, path=path)
    if name in fields.shared():
        raise ValueError(
            f"chain.{part}: field {name!r} is one for the whole sweep; set it on the "
            "config"
        )
    options = {*values, *fields.every()} - set(fields.shared())
    if name not in options:
        raise ValueError(f"chain.{part}: {unknown_field(name, options)}")
    if isinstance(value, list):
        refuse_other_than_tuple(path, value)
    axis = value if isinstance(value, tuple) else (value,)
    return _static_axis(path, axis, zipped=zipped)


def _regime(axes: Axes, values: Mapping[str, Any]) -> str | None:
    """Return the regime of a part, None where it is an axis of several."""
    regimes = axes.get("regime", (values.get("regime"),))
    return regimes[0] if len(regimes) == 1 else None


def _combine(
    axes: Axes, values: Mapping[str, Any], zipped: tuple[str, ...]
) -> Iterator[Point]:
    """Yield the product of the axes, those of `zipped` going in step."""
    if axes["n_train"] and axes["train_fraction"]:
        raise ValueError(
            "n_train and train_fraction are both given; empty one of them: "
            "train_fraction=() or n_train=()"
        )
    online = _regime(axes, values) == "online"
    if online:
        axes = axes | dict.fromkeys(_SIZES, ())
    _check_lengths(axes, zipped)
    _refuse_many(axes, zipped)
    _refuse_empty(axes, zipped, online=online)
    traced = fields.traced()
    static = [name for name in axes if name not in traced]
    # Only a size can be empty here: the one of the two that is not in use.
    present = [name for name in axes if axes[name]]
    free = [name for name in present if name not in zipped]
    # Zipped axes vary slowest. Without any, one empty step leaves the plain product.
    steps = list(zip(*(axes[n] for n in zipped), strict=True)) if zipped else [()]
    for step in steps:
        for values_of_free in itertools.product(*(axes[n] for n in free)):
            point = dict(zip(free, values_of_free, strict=True))
            point |= dict(zip(zipped, step, strict=True))
            yield Point(
                {name: point[name] for name in static},
                {name: point[name] for name in present if name not in static},
            )


def _check_lengths(axes: Axes, zipped: tuple[str, ...]) -> None:
    """Raise ValueError for zipped axes of several lengths."""
    lengths = {name: len(axes[name]) for name in zipped}
    if len(set(lengths.values())) > 1:
        words = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ValueError(f"zip={listed(zipped)!r} needs axes of one length; {words}")


def _refuse_many(axes: Axes, zipped: tuple[str, ...]) -> None:
    """Raise ValueError for more cells than anybody can mean."""
    # Zipped axes go in step: they count once.
    free = {name: len(axis) for name, axis in axes.items() if name not in zipped[1:]}
    count = math.prod(filter(None, free.values()))
    if count > MOST_VALUES:
        name = max(free, key=lambda name: free[name])
        raise ValueError(
            f"{name} has {free[name]:,} values, and the grid {shown(count)} cells; "
            f"take at most {MOST_VALUES:,}"
        )


def _refuse_empty(axes: Axes, zipped: tuple[str, ...], *, online: bool) -> None:
    """Raise ValueError for an axis without values, where it needs one."""
    empty = {name for name, axis in axes.items() if not axis}
    # One of the two sizes may be empty, unless it is zipped.
    missing = sorted((empty - set(_SIZES)) | (empty & set(zipped)))
    if missing or not (online or axes["n_train"] or axes["train_fraction"]):
        name = missing[0] if missing else "train_fraction"
        raise ValueError(f"{name}=() is empty; give at least one value")
