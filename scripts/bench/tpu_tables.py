"""The tables of `tpu_program.py`, and its last line.

>>> print(cycles_header(), cycles_line(row), sizes([row]), sep="\\n")
"""

from typing import Any

from tpu_compilation import Row
from tpu_reading import NAMES

WIDTHS = {name: max(len(name), 6) + 2 for name in NAMES}
"""Characters of the table's columns of parts."""
COLUMNS = (
    *("examples", "MB moved", "MB held", "fit", "scatter", "gather", "float64"),
    *("copies", "lower s", "compile s", "code MB"),
)


def cycles_header() -> str:
    """Return the columns of `cycles_line`."""
    parts = "".join(f"{name:>{WIDTHS[name]}s}" for name in NAMES)
    return (
        "thousands of cycles: a lane-step of train, a lane of evaluate; % of them; "
        "missing: gathers, scatters and sorts that have no estimate\n"
        f"{'':40s}{'cycles':>9s}{'floor':>7s}{'×':>8s}{parts}{'gradient':>10s}{'missing':>9s}"
    )


def cycles_line(row: Row) -> str:
    """Return a row's cycles as one line."""
    head = f"{row.grid:23.23s} {row.program:16s}"
    if row.error:
        return f"{head} {row.error}"
    if not row.parts:
        return f"{head}{row.cycles / 1e3:9.1f}"
    ratio = f"{row.cycles / row.floor:8.1f}" if row.floor else f"{'':8s}"
    shares = "".join(f"{row.parts[name]:{WIDTHS[name]}.1%}" for name in NAMES)
    return (
        f"{head}{row.cycles / 1e3:9.1f}{row.floor / 1e3:7.1f}{ratio}{shares}"
        f"{row.gradient:10.1%}{len(row.missing):9d}"
    )


def sizes(rows: list[Row]) -> str:
    """Return everything but cycles: a line a row.

    Bytes are those that XLA counts, with the body of a loop once; of the training
    program that is one step, with what stands around the loop.
    """
    lines = [
        "MB moved a lane-step or a lane, MB held a lane, lanes of a block that fit",
        f"{'':40s}" + "".join(f"{name:>10s}" for name in COLUMNS),
    ]
    for row in rows:
        if row.error:
            continue
        cells = (
            f"{row.examples}",
            f"{row.bytes / 1e6:.1f}",
            f"{row.memory / 1e6:.1f}",
            f"{row.largest_block or ''}",
            *(f"{n}" for n in (row.scatter, row.gather, row.float64, row.copies)),
            f"{row.lowering_seconds:.1f}",
            f"{row.compile_seconds:.1f}",
            f"{row.code / 1e6:.1f}",
        )
        head = f"{row.grid:23.23s} {row.program:16s}"
        lines.append(head + "".join(f"{cell:>10s}" for cell in cells))
    return "\n".join(lines)


def summary(rows: list[Row]) -> dict[str, Any]:
    """Return what the last line says: the train program of the first grid, and more."""
    first = {row.program: row for row in reversed(rows) if row.grid == rows[0].grid}
    train = first.get("train", rows[0])
    result: dict[str, Any] = {"grid": train.grid, "program": train.program}
    if train.error:
        return result | {"error": train.error}
    result |= {
        "cycles_per_lane_step": round(train.cycles),
        "floor": round(train.floor),
        "share_of_floor": train.floor / train.cycles,
        "scatter": train.scatter,
        "gather": train.gather,
        "float64": train.float64,
        "copies": train.copies,
        "bytes_per_lane_step": round(train.bytes),
        "memory_per_lane": round(train.memory),
        "largest_block": train.largest_block,
        "compile_seconds": train.compile_seconds,
        "lowering_seconds": train.lowering_seconds,
        "code_bytes": train.code,
        "precision": train.precision,
        "parts": train.parts,
        "gradient": train.gradient,
        "missing": train.missing,
    }
    evaluate = first.get("evaluate")
    if evaluate and not evaluate.error:
        result["evaluate"] = {
            "cycles_per_lane": round(evaluate.cycles),
            "floor": round(evaluate.floor),
            "compile_seconds": evaluate.compile_seconds,
            "parts": evaluate.parts,
            "missing": evaluate.missing,
        }
    return result
