"""From a config's tuples to points: product, zip and chain of axes.

Owns how axes combine. A traced field is always a tuple; a static one is an axis when it
is given as a tuple, and every value of it is another program. Checks no value of a
static field.

    >>> points, dims = combine(values)
    >>> points[0].static, points[0].traced
    ({'loss': 'exact'}, {'seed': 0, 'weight_decay': 1.0, ...})
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jaxgrok.fields.checks import (
    SINGLE,
    TRACED,
    article,
    axis_values,
    listed,
    refuse_twice,
    unknown_field,
)

Axes = dict[str, tuple[Any, ...]]


class Point(NamedTuple):
    """One cell to be: the static fields in which it differs, and its traced ones.

    part: the part of the chain it comes from; "" without one.
    """

    static: dict[str, Any]
    traced: dict[str, Any]
    part: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """What an axis of this point can be: `part`, and its fields."""
        return {"part": self.part} | self.static | self.traced


def combine(values: Mapping[str, Any]) -> tuple[list[Point], Axes]:
    """The points of a config, in order; and the axes of a pure product, by name.

    Raises ValueError for a field that cannot be an axis, and for axes that do not fit.
    """
    zipped = tuple(n.strip() for n in values["zip"].split(",") if n.strip())
    base = _static_axes(values) | {
        name: axis_values(name, values[name], zipped=name in zipped) for name in TRACED
    }
    for name in zipped:
        if name not in base:
            raise ValueError(f"zip: {unknown_field(name, base)}")
    points = []
    for part, overrides in list(values["chain"].items()) or [("", {})]:
        fields = base | _part(part, overrides, values)
        for name, other in _EITHER.items():
            if overrides.get(name) and other not in overrides:
                fields[other] = ()
        found = _combine(fields, values, zipped)
        points += [point._replace(part=part) for point in found]
    if zipped or values["chain"]:
        return points, {}
    shown = {name: axis for name, axis in base.items() if axis}
    if _regime(base, values) == "online":
        shown = {name: axis for name, axis in shown.items() if name not in _EITHER}
    keep = {"weight_decay", "seed", "n_train" if base["n_train"] else "train_fraction"}
    return points, {
        name: axis for name, axis in shown.items() if len(axis) > 1 or name in keep
    }


def names(points: list[Point]) -> tuple[str, ...]:
    """The fields that tell points apart, and those a reader expects to see."""
    first = "n_train" if "n_train" in points[0].traced else "train_fraction"
    keep = {"weight_decay", "seed", first}
    values = [point.values for point in points]
    used = dict.fromkeys(name for point in values for name in point)
    ordered = [name for name in used if name not in TRACED]
    ordered += [name for name in TRACED if name in used]
    return tuple(
        name
        for name in ordered
        if name in keep or len({point.get(name) for point in values}) > 1
    )


_EITHER = {"n_train": "train_fraction", "train_fraction": "n_train"}


def _static_axes(values: Mapping[str, Any]) -> Axes:
    """The static fields that are given as tuples, in alphabetical order."""
    found: Axes = {}
    for name in sorted(values):
        value = values[name]
        if name in TRACED or not isinstance(value, tuple):
            continue
        if name in SINGLE:
            continue  # refused with its kind, where static fields are checked
        found[name] = _distinct(name, value)
    return found


def _distinct(name: str, axis: tuple[Any, ...]) -> tuple[Any, ...]:
    if not axis:
        raise ValueError(f"{name}=() is empty; give at least one value")
    refuse_twice(name, axis)
    return axis


def _part(part: str, overrides: Any, values: Mapping[str, Any]) -> Axes:
    """The axes that a part of a chain sets; static fields as axes of one value."""
    if not isinstance(overrides, dict):
        raise ValueError(
            f"chain.{part}={overrides!r} is not allowed; a part of a chain is a "
            "dict of fields: dict(seed=(0, 1))"
        )
    found: Axes = {}
    for name, value in overrides.items():
        if name in TRACED:
            found[name] = axis_values(f"chain.{part}.{name}", value)
        elif name in SINGLE:
            raise ValueError(
                f"chain.{part}: field {name!r} is one for the whole sweep; set it on "
                "the config"
            )
        elif name not in values:
            known = (set(values) | set(TRACED)) - set(SINGLE)
            raise ValueError(f"chain.{part}: {unknown_field(name, known)}")
        else:
            axis = value if isinstance(value, tuple) else (value,)
            if isinstance(value, list):
                raise ValueError(
                    f"chain.{part}.{name}={value!r} is {article(value)}; "
                    f"axes are tuples: write {tuple(value)!r}"
                )
            found[name] = _distinct(f"chain.{part}.{name}", axis)
    return found


def _regime(fields: Axes, values: Mapping[str, Any]) -> Any:
    """The regime of a part, None where it is an axis of several."""
    regime = fields.get("regime", (values.get("regime"),))
    return regime[0] if len(regime) == 1 else None


def _combine(
    fields: Axes, values: Mapping[str, Any], zipped: tuple[str, ...]
) -> Iterator[Point]:
    """The product of the axes, those of `zipped` going in step."""
    if fields["n_train"] and fields["train_fraction"]:
        raise ValueError(
            "n_train and train_fraction are both given; empty one of them: "
            "train_fraction=() or n_train=()"
        )
    online = _regime(fields, values) == "online"
    if online:
        fields = fields | dict.fromkeys(_EITHER, ())
    lengths = {name: len(fields[name]) for name in zipped}
    if len(set(lengths.values())) > 1:
        words = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ValueError(f"zip={listed(zipped)!r} needs axes of one length; {words}")
    static = [name for name in fields if name not in TRACED]
    used = [*static, *(n for n in TRACED if fields[n])]
    free = [n for n in used if n not in zipped]
    missing = (set(TRACED) - set(used) - set(_EITHER)) | (set(zipped) - set(used))
    sized = online or fields["n_train"] or fields["train_fraction"]
    if missing or not sized:
        empty = sorted(missing) or ["train_fraction"]
        raise ValueError(f"{empty[0]}=() is empty; give at least one value")
    in_step = list(zip(*(fields[n] for n in zipped), strict=True)) if zipped else [()]
    for together in in_step:
        for chosen in itertools.product(*(fields[n] for n in free)):
            point = dict(zip(free, chosen, strict=True))
            point |= dict(zip(zipped, together, strict=True))
            yield Point(
                {name: point[name] for name in static},
                {name: point[name] for name in used if name not in static},
            )
