"""Which figures there are, and what each needs of its source.

FIGURES = FigureTable[xr.Dataset]("run")
FIGURES.register("curves", curves, Need("curves", lambda data: "step" in data))
for name, figure in FIGURES.draw(dataset):
    ...
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from matplotlib.figure import Figure

Source = TypeVar("Source")


@dataclass(frozen=True)
class Need(Generic[Source]):
    """Something that not every source of figures has.

    Attributes:
        noun: what it is, as a message says it: "this network has no {noun}".
        is_met: whether a source has it.
    """

    noun: str
    is_met: Callable[[Source], bool]


@dataclass(frozen=True)
class _Entry(Generic[Source]):
    """A figure: how it is drawn, and what it needs."""

    draw: Callable[[Source], Figure]
    needs: tuple[Need[Source], ...]

    def missing(self, source: Source) -> str | None:
        """Return the noun of the first need that a source does not meet, or None."""
        for need in self.needs:
            if not need.is_met(source):
                return need.noun
        return None


class FigureTable(Generic[Source]):
    """The figures that can be drawn of one kind of source."""

    def __init__(self, source_noun: str) -> None:
        """Begin without figures; `source_noun` is how messages call a source."""
        self._source_noun = source_noun
        self._entries: dict[str, _Entry[Source]] = {}

    def register(
        self, name: str, draw: Callable[[Source], Figure], *needs: Need[Source]
    ) -> None:
        """Add a figure below the others, or replace the one of this name.

        Args:
            name: of the figure and, without its suffix, of its file.
            draw: source → figure.
            *needs: what a source must have for it, in order: a need is looked at only
                if those before it are met.
        """
        self._entries[name] = _Entry(draw, needs)

    def names(self) -> list[str]:
        """Return the names of all figures."""
        return list(self._entries)

    def available(self, source: Source) -> list[str]:
        """Return the names of the figures that a source has everything for."""
        return [
            name
            for name, entry in self._entries.items()
            if entry.missing(source) is None
        ]

    def draw(
        self, source: Source, names: Sequence[str] | None = None
    ) -> Iterator[tuple[str, Figure]]:
        """Draw figures one at a time, with their names; by default all available.

        Raises:
            ValueError: before the first is drawn, for a name that is unknown or that
                the source lacks something for.
        """
        if names is None:
            names = self.available(source)
        # All names are checked first: a mistyped one must not leave half the figures.
        for name in names:
            self._check(name, source)
        for name in names:
            yield name, self._entries[name].draw(source)

    def _check(self, name: str, source: Source) -> None:
        """Raise ValueError for a figure that cannot be drawn of a source."""
        if name in self._entries:
            noun = self._entries[name].missing(source)
            if noun is None:
                return
            reason = f"this {self._source_noun} has no {noun}"
        else:
            reason = "there is none of this name"
        available = ", ".join(self.available(source))
        raise ValueError(f"figure {name!r}: {reason}; available: {available}")
