"""What one training step launches, read from the text of the compiled program.

>>> launches(compiled.as_text())
Counter({'fusion': 41, 'custom-call': 14, 'copy': 2})
"""

import re
from collections import Counter

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{\s*$")
_OPERATION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = .*?[\])}] ([a-z][\w\-]*)\(")
_CALLED = re.compile(
    r"(?:to_apply|calls|true_computation|false_computation)=%?([\w.\-]+)"
)
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_BODY = re.compile(r"\bbody=%?([\w.\-]+)")
FREE = {
    "add-dependency",
    "after-all",
    "bitcast",
    "constant",
    "get-tuple-element",
    "iota",
    "parameter",
    "partition-id",
    "replica-id",
    "tuple",
    "while",
}
"""Operations that launch nothing, or whose parts are counted elsewhere."""
Lines = list[tuple[str, str]]
"""Of a computation: the operation's name, and its whole line."""


def launches(text: str) -> Counter[str]:
    """Count the operations of the loop body that has the most of them: a step.

    Operations inside a fusion are one kernel; those of calls and conditionals are
    counted, those of loops inside the body are not.

    Args:
        text: the optimised program, as `compiled.as_text()` returns it.
    """
    computations = _computations(text)
    bodies = set(_BODY.findall(text)) & computations.keys()
    counts = [_count(computations, name) for name in sorted(bodies)]
    return max(counts, key=lambda count: count.total(), default=Counter())


def _computations(text: str) -> dict[str, Lines]:
    """Divide a program into computations."""
    computations: dict[str, Lines] = {}
    lines: Lines = []
    for line in text.splitlines():
        if start := _COMPUTATION.match(line):
            lines = computations.setdefault(start[1], [])
        elif operation := _OPERATION.match(line):
            lines.append((operation[1], line))
    return computations


def _count(computations: dict[str, Lines], name: str) -> Counter[str]:
    """Count what a computation launches, and what it calls."""
    count: Counter[str] = Counter()
    for operation, line in computations.get(name, []):
        if operation in ("call", "conditional", "async-start"):
            names = _CALLED.findall(line)
            for group in _BRANCHES.findall(line):
                names += [word.strip(" %") for word in group.split(",")]
            for called in names:
                count += _count(computations, called)
        elif operation not in FREE and not operation.endswith(("-done", "-update")):
            count[operation] += 1
    return count
