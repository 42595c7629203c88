"""What a section is asked to do, and the file that its answer grows in.

>>> job.say(platform="gpu")
>>> job.check("gradients", error < 1e-5, f"{error:.1e} of their norm")
"""

import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np


@dataclasses.dataclass
class Job:
    """What a section is asked to do.

    Attributes:
        answer_file: where the answer is written, again after every part of it.
        out: folder of the report and its figures.
        work: folder for everything else.
        deadline: seconds since the epoch at which the section will be ended.
        quick: whether to use tiny shapes.
        planted: whether to check a spoilt number as well, which must be reported.
        answer: what was found so far.
    """

    answer_file: Path
    out: Path
    work: Path
    deadline: float
    quick: bool = False
    planted: bool = False
    answer: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> "Job":
        """Read a job from the file that `write` made."""
        fields = json.loads(Path(path).read_text())
        for name in ("answer_file", "out", "work"):
            fields[name] = Path(fields[name])
        return cls(**fields)

    def write(self, path: Path) -> None:
        """Write the job to a file."""
        write_json(path, dataclasses.asdict(self))

    @property
    def scale(self) -> str:
        """The scale of the larger shapes: the post's model, or the tests'."""
        return "tiny" if self.quick else "post"

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.deadline - time.time()

    def answer_of(self, section: str) -> dict[str, Any]:
        """Return what a section before this one has found; empty if it did not run."""
        file = self.answer_file.with_name(f"{section}.json")
        if not file.exists():
            return {}
        answer: dict[str, Any] = json.loads(file.read_text())
        return answer

    def suggested_width(self, default: int) -> int:
        """Return the block width that was fastest, or the default."""
        return self.answer_of("speed").get("suggested_block_width") or default

    def say(self, **facts: Any) -> None:
        """Add facts to the answer, and write it."""
        self.answer |= facts
        write_json(self.answer_file, self.answer)

    def check(self, name: str, passed: bool, words: str) -> None:
        """Add a check to the answer: its name, whether it passed, and the numbers."""
        checks = self.answer.setdefault("checks", [])
        checks.append({"name": name, "passed": bool(passed), "words": words})
        self.say()


def write_json(path: Path, value: Any) -> None:
    """Write JSON, the whole file or nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    partial.write_text(json.dumps(value, indent=1, default=_plain) + "\n")
    os.replace(partial, path)


def one_line(error: BaseException | str) -> str:
    """Return what an exception says, in one line of at most 300 characters."""
    words = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return " ".join(words.split())[:300]


def _plain(value: Any) -> Any:
    """Return a NumPy number or a path as JSON has it."""
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
