"""A count, a bar and words, laid out for the width of a terminal.

>>> rich.print(ProgressBar("40/84", 40 / 84, ["8 grokking", "4/4 lanes"]))
40/84 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 8 grokking · 4/4 lanes
"""

import dataclasses
from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions
from rich.text import Text

LEAST, MOST = 10, 60
"""Columns of a bar that shares its line with words."""
SEPARATOR = " · "


@dataclasses.dataclass(frozen=True)
class ProgressBar:
    """What a bar shows at one moment.

    Attributes:
        head: what stands before the bar.
        share: of the bar that is full; None for no bar.
        words: what stands behind the bar, in order.
    """

    head: str
    share: float | None
    words: Sequence[str]

    def __str__(self) -> str:
        """Write it without the bar, in one line."""
        return SEPARATOR.join([self.head, *self.words])

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[Text]:
        """Lay it out: in one line if it fits, else the words below the bar."""
        width = options.max_width
        text = SEPARATOR.join(self.words)
        if self.share is None:
            yield from map(Text, _wrapped([self.head, *self.words], width))
            return
        room = width - len(self.head) - len(text) - 2
        if room >= LEAST:
            yield self._line(min(room, MOST), options.ascii_only).append(f" {text}")
            return
        yield self._line(max(width - len(self.head) - 1, 1), options.ascii_only)
        yield from map(Text, _wrapped(self.words, width))

    def _line(self, columns: int, ascii_only: bool) -> Text:
        """Return the head with a bar of so many columns."""
        assert self.share is not None
        full = int(min(self.share, 1.0) * columns)
        mark, blank = ("#", ".") if ascii_only else ("━", "━")
        line = Text(f"{self.head} ", no_wrap=True)
        line.append(mark * full, "bar.complete")
        return line.append(blank * (columns - full), "bar.back")


def _wrapped(words: Sequence[str], width: int) -> list[str]:
    """Join words into lines of at most so many columns; none is broken."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(SEPARATOR) + len(word) <= width:
            lines[-1] += SEPARATOR + word
        else:
            lines.append(word)
    return lines
