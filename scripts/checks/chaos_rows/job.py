"""What a row is asked to do, and the file that its answer grows in."""

import dataclasses
import json
import os
import random
from pathlib import Path
from typing import Any


@dataclasses.dataclass
class Job:
    """What a row is asked to do.

    Attributes:
        name: of the row.
        out: folder of the answers.
        work: folder for the row's runs, empty at first.
        quick: whether the short form is wanted.
        seed: of everything that chance decides.
    """

    name: str
    out: Path
    work: Path
    quick: bool
    seed: int
    _answer: dict[str, Any] = dataclasses.field(default_factory=lambda: {"checks": []})

    @property
    def checks(self) -> list[dict[str, Any]]:
        """The checks so far: `name`, `held`, `words`."""
        checks: list[dict[str, Any]] = self._answer["checks"]
        return checks

    def random(self) -> random.Random:
        """Return a generator of the row's own, from the seed."""
        return random.Random(f"{self.name} {self.seed}")

    def say(self, **facts: Any) -> None:
        """Print facts, add them to the answer, and write it, whole or not at all."""
        for key, value in facts.items():
            print(f"{self.name}: {key}: {value}", flush=True)
        self._answer |= facts
        partial = self.out / f".{self.name}.{os.getpid()}.tmp"
        partial.write_text(json.dumps(self._answer, indent=1, default=str) + "\n")
        os.replace(partial, self.out / f"{self.name}.json")

    def check(self, name: str, held: bool, words: str = "") -> None:
        """Add a check: what was promised, whether it held, and the numbers."""
        self.checks.append({"name": name, "held": bool(held), "words": words})
        verdict = "held" if held else "BROKEN"
        print(f"{self.name}: {verdict}: {name}{': ' * bool(words)}{words}", flush=True)
        self.say()
