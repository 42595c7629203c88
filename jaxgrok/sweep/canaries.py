"""Whether all workers compute the same bits: each shows it as it opens a group.

>>> canaries.fault(report)
'its results differ from those of worker-1 in their last bits'
"""

from jaxgrok.fleet.messages import Report


class Canaries:
    """What the first worker at each group computed, for others to be held against.

    Args:
        mixed_bits: take everyone.
    """

    def __init__(self, *, mixed_bits: bool = False) -> None:
        self._mixed_bits = mixed_bits
        self._first: dict[int, tuple[str, str]] = {}
        """Group → the worker that was first, and the hash of what it computed."""

    def fault(self, report: Report) -> str:
        """Say why a worker's results cannot stand beside the others'; "" if they can.

        Versions, devices and threads were compared before: this finds what they do not
        tell, as two kernels that compilers chose for one product.
        """
        for progress in report.seats.values():
            if progress.group is None or not progress.canary:
                continue
            own = report.worker, progress.canary
            first, expected = self._first.setdefault(progress.group, own)
            if progress.canary != expected and not self._mixed_bits:
                return f"its results differ from those of {first} in their last bits"
        return ""
