"""Read the text of a program that XLA compiled for a TPU: cycles, parts, operations.

The compiler writes its own estimate of the cycles beside every operation that it
schedules. A fusion's estimate covers all that is fused; a loop and a conditional have
none of their own, so theirs are added up here. Copies to and from fast memory that run
beside other work count nothing, as the compiler has it. Gathers, scatters and sorts
have no estimate, although they take time: they are listed apart.

    >>> program = Program.read(compiled.as_text())
    >>> program.cycles(program.step_body()).total
"""

import dataclasses
import re
from collections import Counter

PARTS = (
    # The first pattern that fits an operation's name says which part it belongs to.
    ("optimiser", r"\boptimiser\b"),
    (
        "look-up",
        # Names of scopes and of functions, a one-hot product's axes, and what stands
        # in the network itself, outside its layers: the table of embeddings.
        r"\blook_up\b|pnr,pre->pne|pne,pre->pnr|\(_take\)|_heads.*/(gather|scatter)"
        r"|Transformer\)*/[^/]*$|\bMLP\)*/(gather|scatter)",
    ),
    ("MLP", r"_mlp_after|\bMLP\b"),
    ("unembedding", r"_unembed_read"),
    ("attention", r"\battention\b|_heads|TrainingTransformer"),
    # What else is differentiated.
    ("loss", r"\bloss\b|jvp\("),
)
NAMES = (*(name for name, _ in PARTS), "copies", "other")
"""Every part: they add up to all cycles."""
GRADIENT = "transpose(jvp"
"""Stands in the names of operations that compute a gradient."""
COPIES = {"copy", "transpose", "copy-start", "copy-done"}
UNKNOWN = {"gather", "scatter", "sort"}
"""Slow on a TPU, and without an estimate."""
MOVES = COPIES | {
    "fusion",
    "parameter",
    "bitcast",
    "reshape",
    "tuple",
    "get-tuple-element",
}
"""A fusion of nothing but these is a copy."""


@dataclasses.dataclass(frozen=True)
class Operation:
    """One line of a computation.

    Attributes:
        name: its name.
        shape: type of its result, with layouts; in parentheses where it is a tuple.
        opcode: as "fusion" or "copy".
        cycles: the compiler's estimate, 0 where there is none.
        scope: where in the source it comes from: XLA's `op_name`.
        called: the computations named in its attributes, by attribute.
        trips: how often a loop runs, where its line says so.
        constant: its value, for an integer constant.
    """

    name: str
    shape: str
    opcode: str
    cycles: int
    scope: str
    called: dict[str, tuple[str, ...]]
    trips: int | None
    constant: int | None


@dataclasses.dataclass
class Cycles:
    """Estimated cycles, added up.

    Attributes:
        parts: by part; the names are NAMES.
        gradient: those of them that compute gradients, copies left out.
        missing: operations without an estimate: opcode, result and part, each once.
    """

    parts: Counter[str] = dataclasses.field(default_factory=Counter)
    gradient: int = 0
    missing: list[str] = dataclasses.field(default_factory=list)

    @property
    def total(self) -> int:
        """All cycles."""
        return sum(self.parts.values())

    def add(self, other: "Cycles", times: int = 1) -> None:
        """Add others, so many times."""
        for name, cycles in other.parts.items():
            self.parts[name] += cycles * times
        self.gradient += other.gradient * times
        self.missing += other.missing


@dataclasses.dataclass(frozen=True)
class Program:
    """The computations of a compiled program.

    Attributes:
        computations: operations by the name of their computation.
        entry: name of the computation with which the program starts.
    """

    computations: dict[str, list[Operation]]
    entry: str

    @classmethod
    def read(cls, text: str) -> "Program":
        """Read a compiled text.

        Raises:
            ValueError: it has no entry computation.
        """
        computations: dict[str, list[Operation]] = {}
        entry, operations = "", []
        for line in text.splitlines():
            head = re.match(r"(ENTRY )?%?([\w.\-]+) .*\{$", line)
            if head:
                operations = computations.setdefault(head[2], [])
                entry = head[2] if head[1] else entry
            elif operation := _operation(line):
                operations.append(operation)
        if not entry:
            raise ValueError("the text is no compiled program: it has no line of ENTRY")
        return cls(computations, entry)

    def step_body(self) -> str:
        """Return the body of the training loop.

        It is the loop with the most cycles of its own among those whose number of
        rounds the text does not tell: steps are counted by an argument, blocks are not.

        Raises:
            ValueError: there is no such loop.
        """
        bodies = [
            loop.called["body"][0]
            for loop in self._every()
            if loop.opcode == "while" and self.trips(loop) is None
        ]
        if not bodies:
            raise ValueError("the program has no loop over a number that it is given")
        return max(
            bodies, key=lambda body: sum(o.cycles for o in self.computations[body])
        )

    def cycles(self, computation: str | None = None) -> Cycles:
        """Add up the cycles of a computation, loops and branches included.

        The dearest branch of a conditional counts. A loop whose number of rounds the
        text does not tell counts once.

        Args:
            computation: its name; by default the entry.
        """
        cycles = Cycles()
        for operation in self.computations[computation or self.entry]:
            cycles.add(self._own(operation))
            for body in operation.called.get("body", ()):
                cycles.add(self.cycles(body), self.trips(operation) or 1)
            for called in operation.called.get("to_apply", ()):
                if operation.opcode == "call":
                    cycles.add(self.cycles(called))
            branches = operation.called.get("branch", ())
            each = [self.cycles(branch) for branch in branches]
            cycles.add(max(each, key=lambda branch: branch.total, default=Cycles()))
        return cycles

    def _own(self, operation: Operation) -> Cycles:
        """Return the cycles of an operation itself."""
        part = self._part(operation)
        if operation.cycles:
            has_gradient = part != "copies" and GRADIENT in operation.scope
            gradient = operation.cycles if has_gradient else 0
            return Cycles(Counter({part: operation.cycles}), gradient)
        shape = operation.shape.partition("{")[0].lstrip("(")
        names = sorted(UNKNOWN & {operation.opcode, *self._fused(operation)})
        return Cycles(missing=[f"{name} {shape} ({part})" for name in names])

    def trips(self, loop: Operation) -> int | None:
        """Return the rounds of a loop, None where the text does not tell."""
        if loop.trips is not None:
            return loop.trips
        # A loop from 0 compares its counter with one constant.
        (condition,) = loop.called["condition"]
        constants = [o.constant for o in self.computations[condition]]
        bounds = [constant for constant in constants if constant is not None]
        return bounds[0] if len(bounds) == 1 else None

    def count(self, *opcodes: str) -> int:
        """Count operations of some opcodes, those inside fusions included."""
        return sum(operation.opcode in opcodes for operation in self._every())

    def count_type(self, dtype: str) -> int:
        """Count operations whose result has a type, such as "f64"."""
        return sum(f"{dtype}[" in operation.shape for operation in self._every())

    def _every(self) -> list[Operation]:
        """Return the operations of all computations."""
        return [o for operations in self.computations.values() for o in operations]

    def _part(self, operation: Operation) -> str:
        """Return the part that an operation belongs to."""
        if operation.opcode in COPIES:
            return "copies"
        opcodes = self._fused(operation)
        if opcodes and opcodes <= MOVES:
            return "copies"
        return part_of(operation.scope)

    def _fused(self, operation: Operation) -> set[str]:
        """Return the opcodes inside a fusion, and inside those within it."""
        opcodes = set()
        for name in operation.called.get("calls", ()):
            for fused in self.computations.get(name, ()):
                opcodes |= {fused.opcode, *self._fused(fused)}
        return opcodes


def part_of(scope: str) -> str:
    """Return the part that a scope belongs to, "other" where none fits."""
    for name, pattern in PARTS:
        if re.search(pattern, scope):
            return name
    return "other"


def _operation(line: str) -> Operation | None:
    """Read one line of a computation; None where it is none."""
    head = re.match(r"\s+(?:ROOT )?%?([\w.\-]+) = (.*)", line)
    # Layouts in a type have upper-case words before parentheses, as T(8,128).
    opcode = re.search(r" ([a-z][\w\-]*)\(", head[2]) if head else None
    if head is None or opcode is None:
        return None
    attributes = head[2][opcode.end() :]
    constant = re.match(r"(\d+)\)", attributes) if opcode[1] == "constant" else None
    scope = re.search(r'op_name="([^"]*)"', attributes)
    return Operation(
        name=head[1],
        shape=head[2][: opcode.start()],
        opcode=opcode[1],
        cycles=_number(r'"estimated_cycles":"(\d+)"', attributes) or 0,
        scope=scope[1] if scope else "",
        called=_called(attributes),
        trips=_number(r'"known_trip_count":\{"n":"(\d+)"', attributes),
        constant=int(constant[1]) if constant and head[2][0] in "su" else None,
    )


def _called(attributes: str) -> dict[str, tuple[str, ...]]:
    """Return the computations that an operation names, by attribute."""
    called: dict[str, tuple[str, ...]] = {}
    pattern = r"(\w+)=(?:%([\w.\-]+)|\{(%[^}]*)\})"
    for name, one, several in re.findall(pattern, attributes):
        names = tuple(several.replace("%", "").split(", ")) if several else (one,)
        # branch_computations, or true_computation and false_computation.
        name = "branch" if name.endswith(("_computation", "_computations")) else name
        called[name] = called.get(name, ()) + names
    return called


def _number(pattern: str, text: str) -> int | None:
    """Return the whole number in a text, None where there is none."""
    match = re.search(pattern, text)
    return int(match[1]) if match else None
