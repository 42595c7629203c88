"""A registry: names that users may choose, and what each stands for.

>>> LOSSES = Registry("loss", {"exact": exact}, check=callable_check)
>>> LOSSES["exakt"]
ValueError: loss='exakt' is unknown; choose one of exact
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from jaxgrok.fields.values import listed, shown

Entry = TypeVar("Entry")


class Registry(Mapping[str, Entry], Generic[Entry]):
    """What users choose by name, for one field of the config.

    Attributes:
        noun: the field that holds the name: "task", "model", "loss", ….
    """

    def __init__(
        self,
        noun: str,
        entries: Mapping[str, Entry],
        check: Callable[[str, Any], None],
    ) -> None:
        """Start a registry of shipped entries.

        Args:
            noun: the field that holds the name.
            entries: what is shipped; these names cannot be taken.
            check: raises ValueError for an entry of the wrong type; called with the
                words for the entry, "task 'copy'", and the entry.
        """
        self.noun = noun
        self._entries = dict(entries)
        # Cells are identified by names: a shipped one must not change its meaning.
        self._shipped = frozenset(entries)
        self._check = check

    def register(self, name: str, entry: Entry) -> None:
        """Make an entry known by name.

        A name may be registered again, as a grid file that is loaded twice does.

        Raises:
            ValueError: the name is shipped or no name, or the entry has a wrong type.
        """
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"{self.noun}={shown(name)} must be a name, a string")
        if name in self._shipped:
            raise ValueError(f"{self.noun}={name!r} is taken; choose another name")
        # Before the entry is stored: a wrong one must not stay behind.
        self._check(f"{self.noun} {name!r}", entry)
        self._entries[name] = entry

    def __getitem__(self, name: str) -> Entry:
        """Return the entry of a name; ValueError, with all names, for an unknown one.

        Not a KeyError: the message is for the user who wrote the name.
        """
        if not isinstance(name, str):
            raise ValueError(f"{self.noun}={shown(name)} must be a string")
        if name not in self._entries:
            close = difflib.get_close_matches(name, self._entries, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ValueError(
                f"{self.noun}={shown(name)} is unknown; {hint}choose one of "
                + listed(self._entries)
            )
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        # Mapping's own version waits for a KeyError, which `__getitem__` never raises.
        return isinstance(name, str) and name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
