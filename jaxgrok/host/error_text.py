"""What an error says, short enough to be passed on in a line of ours.

>>> first_line(RuntimeError("no memory\\nfor 9 bytes"))
'no memory'
"""

MOST = 200
"""Characters of an error that are passed on."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error: those of XLA can be pages long."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:MOST]
