"""A field: one named setting with its default, allowed values and meaning.

A field is written once, as an annotated attribute of the dataclass that owns it:

    >>> @dataclasses.dataclass(frozen=True)
    ... class Parity:
    ...     bits: int = field(40, low=1, help="bits of an input")
    >>> rows(Parity)["bits"].default
    40
"""

import dataclasses
import functools
from collections.abc import Callable, Collection
from typing import Any

METADATA = "field"
"""Key of the field among the metadata of a dataclass' attribute."""

# Bounds of fields. What lies beyond has been mistyped, and would fail much later.
MOST = 2**31 - 1
"""Most that can be counted: counts and seeds are traced as int32."""
MOST_STEPS = 2**24
"""Most steps: records hold them in float32, which is exact up to here."""
MOST_WIDE = 2**16
"""Largest size of an axis of weights, and longest sequence."""


@dataclasses.dataclass(frozen=True)
class Field:
    """One named setting.

    Attributes:
        name: what users call it.
        default: the value it has unless somebody sets it; None where there is none.
        kind: bool, int, float, str or dict, by default the type of the default; any
            other is not checked.
        attribute: its name in the dataclass that owns it.
        help: what it means, without a full stop.
        unit: unit of its values, where it has one.
        low, high: smallest and largest allowed number.
        above, below: bounds that are not allowed themselves.
        choices: allowed names, or a function that returns them.
        traced: a scalar of each lane. Its config value is always a tuple, an axis.
        shared: one value for the whole sweep; any other field can be an axis.
        decides: whether it can change a result, and so is part of a cell's hash.
        neutral: whether the default is what trainings had before there was the field;
            there it is no part of a cell's hash, and a config may lack it.
        axis_order: order of the dataset's dimensions, outermost first.
    """

    name: str = ""
    default: Any = None
    _: dataclasses.KW_ONLY
    kind: type = object
    attribute: str = ""
    help: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    choices: Collection[str] | Callable[[], Collection[str]] = ()
    traced: bool = False
    shared: bool = False
    decides: bool = True
    neutral: bool = False
    axis_order: int = 0

    def __post_init__(self) -> None:
        if self.kind is object and self.default is not None:
            # A frozen dataclass refuses a plain assignment, even here.
            object.__setattr__(self, "kind", type(self.default))

    @property
    def names(self) -> tuple[str, ...]:
        """The allowed names; empty where any string or number is allowed."""
        return tuple(self.choices() if callable(self.choices) else self.choices)

    @property
    def axis(self) -> tuple[Any, ...]:
        """The default of a traced field as a config holds it."""
        return () if self.default is None else (self.default,)


def field(default: Any = None, **properties: Any) -> Any:
    """Describe an attribute of a dataclass as a field.

    Args:
        default: its default; None for an attribute that must be given.
        **properties: the other attributes of `Field`; `name` is by default that of the
            attribute.
    """
    metadata = {METADATA: Field(default=default, **properties)}
    if default is None:
        return dataclasses.field(metadata=metadata)
    # Dataclasses refuse a mutable default. The only one is the empty dict.
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


# All callers share the cached dict, so none may change it.
@functools.cache
def rows(owner: type, *, plain: bool = False) -> dict[str, Field]:
    """Return the fields of a dataclass by name.

    Args:
        owner: the dataclass.
        plain: whether attributes that `field` does not describe are fields too, of any
            value of their default's type.
    """
    fields = {}
    for attribute in dataclasses.fields(owner):
        row = attribute.metadata.get(METADATA)
        if not attribute.init or (row is None and not plain):
            continue
        row = row or _plain(attribute)
        name = row.name or attribute.name
        fields[name] = dataclasses.replace(row, name=name, attribute=attribute.name)
    return fields


def _plain(attribute: "dataclasses.Field[Any]") -> Field:
    """Describe an attribute by its default or its annotation alone."""
    default = attribute.default
    if default is not dataclasses.MISSING:
        return Field(default=default)
    # It is a string in modules that postpone annotations; then nothing is checked.
    kind = attribute.type if isinstance(attribute.type, type) else object
    return Field(kind=kind)
