"""Figures of the speeds: a lane-step by block width, and the precisions.

>>> draw(answers, Path("report"))
"""

from pathlib import Path
from typing import Any

from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxgrok.plots import style
from jaxgrok.plots.files import save

TITLES = {"post": "p = 113", "laptop": "p = 47", "tiny": "p = 7"}


def draw(answers: dict[str, Any], folder: Path) -> dict[str, str]:
    """Draw what there are numbers for; the files' names."""
    files = {}
    speed = answers.get("speed", {})
    scales = [scale for scale in TITLES if speed.get(scale, {}).get("rows")]
    if scales:
        files["block width"] = "block_width.png"
        kind = answers.get("device", {}).get("device_kind", "")
        save(block_widths(speed, scales, kind), folder / files["block width"])
    rows = answers.get("precisions", {}).get("rows", {})
    if rows:
        files["precisions"] = "precisions.png"
        save(precisions(answers["precisions"]), folder / files["precisions"])
    return files


def block_widths(speed: dict[str, Any], scales: list[str], kind: str) -> Figure:
    """Draw ms a lane-step against block width, with both limits, a panel a scale."""
    figure = Figure(figsize=(4.2 * len(scales), 3.4), layout="constrained")
    figure.suptitle(f"A lane-step on {kind}, one block", fontsize=style.HEADING)
    panels = figure.subplots(1, len(scales), squeeze=False)[0]
    for axes, scale in zip(panels, scales, strict=True):
        answer = speed[scale]
        widths = [row["width"] for row in answer["rows"]]
        times = [row["ms"] for row in answer["rows"]]
        axes.plot(widths, times, "o-", color=style.BLUE, label="measured")
        floor = answer["flop"] / speed["flop_per_second"] * 1e3
        axes.axhline(
            floor, color=style.VERMILION, label="float32 products at full rate"
        )
        moved = [row for row in answer["rows"] if "bytes" in row]
        axes.plot(
            [row["width"] for row in moved],
            [row["bytes"] / speed["bytes_per_second"] * 1e3 for row in moved],
            "--",
            color=style.GREEN,
            label="its memory traffic at full bandwidth",
        )
        axes.set_title(TITLES[scale], fontsize=style.TITLE)
        _finish(axes, widths)
    panels[0].set_ylabel("ms a lane-step", fontsize=style.LABEL)
    lines, names = panels[0].get_legend_handles_labels()
    figure.legend(
        lines,
        names,
        loc="outside lower center",
        ncols=3 if len(scales) > 1 else 1,
        fontsize=style.SMALL_LABEL,
        frameon=False,
    )
    return figure


def _finish(axes: Axes, widths: list[int]) -> None:
    """Set the scales, ticks and labels of a panel."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.tick_params(labelsize=style.SMALL_LABEL, which="both")
    axes.set_xlabel("lanes of a block", fontsize=style.LABEL)
    style.despine(axes)


def precisions(answer: dict[str, Any]) -> Figure:
    """Draw ms a lane-step against the error of the gradients, a point a precision."""
    figure = Figure(figsize=(4.2, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, row in answer["rows"].items():
        error = answer.get("errors", {}).get(name)
        if not isinstance(error, dict):
            continue
        (points,) = axes.plot(error["gradient"], row["ms"], "o", color=style.BLUE)
        axes.annotate(
            name,
            (error["gradient"], row["ms"]),
            textcoords="offset points",
            xytext=(6, 4),
            fontsize=style.SMALL_LABEL,
            color=points.get_color(),
        )
    axes.set_xscale("log")
    axes.margins(x=0.3, y=0.15)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=style.SMALL_LABEL)
    axes.set_xlabel("relative error of gradients", fontsize=style.LABEL)
    axes.set_ylabel("ms a lane-step", fontsize=style.LABEL)
    style.despine(axes)
    return figure
