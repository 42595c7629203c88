"""A method of training: a function, and the fields that it alone has.

>>> Method(lamb, fields=(Field("sharpness", 0.5, low=0),)).rows["sharpness"].traced
True
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from jaxgrok.fields.field import Field

Rule = TypeVar("Rule")
NUMBERS, PLAIN = (int, float), (int, float, bool, str)
"""Kinds of a field that is traced, and of one that shapes the program."""


@dataclasses.dataclass(frozen=True)
class Method(Generic[Rule]):
    """What a config chooses by name: an optimiser, a schedule or an objective.

    Attributes:
        rule: the function.
        fields: numbers of its own, traced; the rule finds them in `lane.own`.
        static: fields of its own that shape the program, such as the length of a
            window; the rule finds them in `setup.own`.
        refuse: raises ValueError for a setup that the rule cannot be for.
        refuse_numbers: the same for numbers of a lane, by name.
    """

    rule: Rule
    fields: tuple[Field, ...] = ()
    static: tuple[Field, ...] = ()
    refuse: Callable[[Any], None] = lambda setup: None
    refuse_numbers: Callable[[Any, Mapping[str, Any]], None] = lambda setup, own: None

    @property
    def traced_rows(self) -> dict[str, Field]:
        """Its own numbers by name."""
        return {row.name: dataclasses.replace(row, traced=True) for row in self.fields}

    @property
    def static_rows(self) -> dict[str, Field]:
        """Its own fields that shape the program, by name."""
        return {row.name: row for row in self.static}

    @property
    def rows(self) -> dict[str, Field]:
        """All of its own fields by name."""
        return self.traced_rows | self.static_rows

    def check(self, words: str, arguments: str) -> None:
        """Refuse a rule that is no function, and own fields that cannot be.

        Args:
            words: what messages call it: "optimiser 'lamb'".
            arguments: what its rule takes, in words.

        Raises:
            ValueError: saying what it must be.
        """
        if not callable(self.rule):
            raise ValueError(f"{words} must be a function of {arguments}")
        owned = (self.fields, NUMBERS, "number"), (self.static, PLAIN, "plain value")
        for fields, kinds, default in owned:
            for row in fields:
                if isinstance(row, Field) and row.kind in kinds and row.name:
                    continue
                raise ValueError(
                    f"{words}: {row!r:.40} must be a Field with a name and a {default} "
                    "as its default; for anything else register another one"
                )
