"""The report as one page of Markdown: verdicts first, then a table a section.

>>> text = page(record, sections)
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from accelerator_sections import Section

HOPPER = re.compile(r"H100|H200|GH200")
FLOAT32_GOAL, TF32_GOAL = 4.0, 2.0
"""Seconds of a training of p = 113 with 40,000 steps."""
FIRST_PEER_GOAL, BEST_PEER_GOAL = 15.0, 3.0
"""How many times as fast as peer 1, and as the best of 3 and 5."""
Answers = dict[str, Any]


def verdict(sections: Sequence[Section], answers: Answers) -> bool:
    """Return whether every section that decides made its checks, and all passed."""
    for section in sections:
        answer = answers[section.name]
        checks = answer.get("checks", [])
        if not all(check["passed"] for check in checks):
            return False
        if section.decides and (answer["status"] != "done" or not checks):
            return False
    return True


def page(record: dict[str, Any], sections: Sequence[Section]) -> str:
    """Write the report."""
    answers = record["sections"]
    lines = [
        "# Check of an accelerator",
        "",
        *_head(record, answers),
        "",
        "## Verdicts",
        "",
    ]
    goals = [] if record["quick"] else _goals(answers)
    lines += [f"- {line}" for line in [*verdicts(sections, answers), *goals]]
    for section in sections:
        answer = answers[section.name]
        seconds = f", {answer['seconds']:.0f} s" if "seconds" in answer else ""
        lines += ["", f"## {section.title}", "", f"{answer['status']}{seconds}", ""]
        for check in answer.get("checks", []):
            lines.append(f"- {_passed(check)}: {check['name']}: {check['words']}")
        if section.name in TABLES:
            lines += ["", *TABLES[section.name](answer)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def verdicts(sections: Sequence[Section], answers: Answers) -> list[str]:
    """Say in a line each whether the numbers of a section are right."""
    lines = []
    for section in sections:
        checks = answers[section.name].get("checks", [])
        wrong = [check["name"] for check in checks if not check["passed"]]
        if wrong:
            lines.append(f"**FAILED** {section.title}: {'; '.join(wrong)}")
        elif section.decides and answers[section.name]["status"] != "done":
            lines.append(
                f"**NOT MADE** {section.title}: {answers[section.name]['status']}"
            )
        elif checks:
            plural = "" if len(checks) == 1 else "s"
            lines.append(f"passed: {section.title}, {len(checks)} check{plural}")
        elif answers[section.name]["status"].startswith(("failed", "cut", "left")):
            lines.append(f"{section.title}: {answers[section.name]['status']}")
    return lines


def _goals(answers: Answers) -> Iterator[str]:
    """Say which goals of speed are met; they were set for an H100 and an H200."""
    kind = str(answers.get("device", {}).get("device_kind", ""))
    note = (
        "" if HOPPER.search(kind) else f" (a goal of an H100 or H200; this is {kind})"
    )
    for precision, goal in (("float32", FLOAT32_GOAL), ("tf32", TF32_GOAL)):
        if seconds := _cell_seconds(answers, precision):
            met = "met" if seconds <= goal else "missed"
            yield (
                f"{met}: p = 113, 40,000 steps in {precision}: {seconds:.2f} s a cell, "
                f"goal {goal:g} s{note}"
            )
    peers = answers.get("peers", {}).get("peers", {})
    ratios = {name: peer["ratio"] for name, peer in peers.items() if "ratio" in peer}
    first = [ratio for name, ratio in ratios.items() if name.startswith("1 ")]
    best = [ratio for name, ratio in ratios.items() if name[0] in "35"]
    for who, values, goal in (
        ("peer 1", first, FIRST_PEER_GOAL),
        ("the best of peers 3 and 5", best, BEST_PEER_GOAL),
    ):
        if values:
            met = "met" if min(values) >= goal else "missed"
            ratio = f"{min(values):.1f} times as fast as {who}"
            yield f"{met}: {ratio}, goal {goal:g}{note}"


def _cell_seconds(answers: Answers, precision: str) -> float | None:
    """Return the seconds of a long p = 113 training, at the best width measured."""
    rows = answers.get("precisions", {}).get("rows", {})
    times = [rows[precision]["seconds_a_cell"]] if precision in rows else []
    if precision == "float32":
        widths = answers.get("speed", {}).get("post", {}).get("rows", [])
        times += [row["seconds_a_cell"] for row in widths]
    return min(times, default=None)


def _head(record: dict[str, Any], answers: Answers) -> list[str]:
    """Say when, where and how the report was made."""
    device = answers.get("device", {})
    versions = device.get("bits", {}) | device.get("versions", {})
    names = ("jax", "jaxlib", "jaxgrok", "python", "numpy", "flax", "optax")
    words = ", ".join(f"{name} {versions[name]}" for name in names if name in versions)
    return [
        f"{device.get('device_kind', '?')} ({device.get('devices', '?')} of them), "
        f"{record['started']} UTC, {record['seconds']:.0f} s: `{record['command']}`",
        "",
        f"{words}; commit {str(device.get('commit', ''))[:12] or 'unknown'}; "
        f"{device.get('cores', '?')} cores; "
        f"{device.get('driver') or 'no driver told'}; "
        f"XLA_FLAGS={device.get('environment', {}).get('XLA_FLAGS', '')!r}",
    ]


def _speed(answer: dict[str, Any]) -> list[str]:
    """Tables of both scales."""
    if "flop_per_second" not in answer:
        return []
    lines = [
        f"Measured limits: {answer['flop_per_second'] / 1e12:.2f} TFLOP/s in float32 "
        f"products, {answer['bytes_per_second'] / 1e9:.0f} GB/s."
    ]
    for scale in ("post", "laptop", "tiny"):
        if scale not in answer:
            continue
        lines += ["", *_widths(scale, answer[scale])]
    return lines


def _widths(scale: str, answer: dict[str, Any]) -> list[str]:
    """Table of one scale, a line a block width."""
    lines = [
        f"{scale}: {answer['flop'] / 1e9:.3g} GFLOP a lane-step; suggested block "
        f"width: **{answer['suggested_block_width']}**, the smallest within 5% of the "
        "best.",
        "",
        "| lanes | ms a lane-step (quartiles) | of product rate | of bandwidth "
        "| kernels | MB moved | MB a lane | s to build | s for 40,000 steps |",
        "|---" * 9 + "|",
    ]
    for row in answer["rows"]:
        low, high = row["ms_quartiles"]
        lines.append(
            f"| {row['width']} | {row['ms']:.4f} ({low:.4f}–{high:.4f}) "
            f"| {row['share_of_flop']:.1%} "
            f"| {_number(row, 'share_of_bandwidth', '.1%')} "
            f"| {_number(row, 'kernels', 'd')} | {_number(row, 'bytes', '.1f', 1e6)} "
            f"| {_number(row, 'mb_a_lane', '.1f')} | {row['compile_seconds']:.0f} "
            f"| {row['seconds_a_cell']:.2f} |"
        )
    lines += [""]
    lines += [f"- {width} lanes: {why}" for width, why in answer["missing"].items()]
    lines += [
        f"- {row['width']}: {row['unknown']}"
        for row in answer["rows"]
        if "unknown" in row
    ]
    return lines


def _precisions(answer: dict[str, Any]) -> list[str]:
    """Table of times and errors, a line a precision."""
    if "precisions" not in answer:
        return []
    lines = [
        f"Blocks of {answer.get('width', '?')} lanes; errors relative to float64.",
        "",
        "| precision | ms a lane-step | s for 40,000 steps | of the loss "
        "| of gradients |",
        "|---" * 5 + "|",
    ]
    errors, missing = answer.get("errors", {}), answer.get("missing", {})
    for name in answer.get("precisions", []):
        row, error = answer.get("rows", {}).get(name, {}), errors.get(name, {})
        is_table = isinstance(error, dict)
        lines.append(
            f"| {name} | {_number(row, 'ms', '.4f')} "
            f"| {_number(row, 'seconds_a_cell', '.2f')} "
            f"| {_number(error, 'loss', '.1e') if is_table else error} "
            f"| {_number(error, 'gradient', '.1e') if is_table else ''} |"
        )
    lines.append("")
    return lines + [f"- {name}: {why}" for name, why in missing.items()]


def _levers(answer: dict[str, Any]) -> list[str]:
    """Table of options, a line each."""
    if "rows" not in answer:
        return [str(answer.get("left_out", ""))]
    lines = [
        f"Blocks of {answer['width']} lanes, timed in turn.",
        "",
        "| option | XLA_FLAGS | ms a lane-step | over as shipped | same bits "
        "| s to build |",
        "|---" * 6 + "|",
    ]
    for name, row in answer["rows"].items():
        if "missing" in row:
            lines.append(f"| {name} | {row['missing']} | | | | |")
            continue
        lines.append(
            f"| {name} | `{row['flags']}` | {_number(row, 'ms', '.4f')} "
            f"| {_number(row, 'over_shipped', '.3f')} | {row.get('same_bits', '')} "
            f"| {row['seconds']:.0f} |"
        )
    return lines


def _peers(answer: dict[str, Any]) -> list[str]:
    """What the benchmark of the peers has printed."""
    if not answer.get("printed"):
        return []
    return [f"`python {answer['command']}`", "", "```", *answer["printed"], "```"]


def _sweeps(answer: dict[str, Any]) -> list[str]:
    """A paragraph a sweep."""
    lines = []
    for name in ("mainline", "wd_vs_frac"):
        sweep = answer.get(name, {})
        if "command" not in sweep:
            lines.append(f"- {name}: {sweep.get('status', 'not started')}")
            continue
        groks = sweep.get("grok_steps", [])
        spread = f"; grok steps {groks[0]:.0f} to {groks[-1]:.0f}" if groks else ""
        phases = ", ".join(f"{n} {p}" for p, n in sweep.get("phases", {}).items())
        lines += [
            f"- {name}: {sweep['status']}, {sweep.get('finished', 0)} of "
            f"{sweep.get('cells', 0)} cells in {sweep['seconds']:.0f} s "
            f"({phases}{spread}); `{sweep['command']}`",
            *(
                f"  ![{name}]({file})"
                for file in sweep["figures"]
                if "none:" not in file
            ),
            *(f"  {file}" for file in sweep["figures"] if "none:" in file),
        ]
    return lines


TABLES = {
    "speed": _speed,
    "precisions": _precisions,
    "levers": _levers,
    "peers": _peers,
    "sweeps": _sweeps,
}
"""Section → what it adds below its checks."""


def _passed(check: dict[str, Any]) -> str:
    """Return the word for a check."""
    return "passed" if check["passed"] else "**FAILED**"


def _number(row: dict[str, Any], name: str, form: str, unit: float = 0) -> str:
    """Format a number of a row, "" where it has none."""
    if name not in row:
        return ""
    return format(row[name] / unit if unit else row[name], form)
