"""How much an engine computes at a time, and what is less where memory is short.

Blocks are computed whole, alone or beside others, so that no bit depends on it.

>>> AtOnce(blocks=4).less(devices=2, is_shared=True)
AtOnce(blocks=2, in_turn=False)
>>> AtOnce(blocks=2).less(devices=2, is_shared=True)
AtOnce(blocks=2, in_turn=True)
"""

from typing import NamedTuple

from jaxgrok.host.terminal import number


class AtOnce(NamedTuple):
    """What is in memory at the same time.

    Attributes:
        blocks: that train.
        in_turn: whether one device evaluates after the other.
    """

    blocks: int
    in_turn: bool = False

    def less(self, devices: int, *, is_shared: bool) -> "AtOnce | None":
        """Return what takes less memory and costs the least time; None if nothing does.

        Args:
            devices: that the blocks are dealt over.
            is_shared: whether all devices have one memory, as those of a CPU.
        """
        # More blocks than devices train no faster.
        if self.blocks > devices:
            return self._replace(blocks=devices)
        if self.blocks > 1 and is_shared and not self.in_turn:
            return self._replace(in_turn=True)
        if self.blocks > 1:
            return AtOnce(self.blocks // 2, self.in_turn and self.blocks > 3)
        return None

    def in_words(self, wanted: int) -> str:
        """Say what is less than it could be, "" where nothing is.

        Args:
            wanted: blocks that would train if they fitted.
        """
        words = []
        if self.blocks < wanted:
            verb = "trains" if self.blocks == 1 else "train"
            words.append(f"{number(self.blocks, 'block')} of {wanted} {verb} at a time")
        if self.in_turn:
            words.append("one device evaluates after the other")
        return f"memory is short: {', '.join(words)}" if words else ""
