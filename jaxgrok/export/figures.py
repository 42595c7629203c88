"""Any figure of any cells of a run, without training.

>>> export_figure("runs/mine", "phase_diagram", x="seed", out="seeds.pdf")
>>> export_figure("runs/mine", "attention", cell="seed=0", out="attention.svg")
"""

from matplotlib.figure import Figure

from jaxgrok.analyse.circuits import read_circuit
from jaxgrok.grid.selector import Selector
from jaxgrok.host.files.atomic_files import check_writable
from jaxgrok.host.files.paths import AnyPath, UserPath, as_path
from jaxgrok.plots import circuit_figures, run_figures
from jaxgrok.plots.files import check_kind, save
from jaxgrok.results.run import Run, RunOrPath, open_run


def export_figure(
    run: RunOrPath,
    name: str,
    *,
    cell: Selector | None = None,
    step: int | None = None,
    x: str | None = None,
    y: str | None = None,
    out: UserPath,
) -> AnyPath:
    """Draw a figure into a file.

    Args:
        run: a run or its directory.
        name: of a figure of a run, or of a circuit (`jaxgrok.plots.run_figures`,
            `jaxgrok.plots.circuit_figures`).
        cell: which cells a figure of a run shows, all by default; the cell whose
            network a figure of a circuit shows.
        step: of the network's snapshot; the last by default.
        x: axis of the columns, where a figure has squares.
        y: axis of their rows.
        out: file to write; its suffix decides the kind.

    Returns:
        The path of the file.

    Raises:
        ValueError: there is no such figure, or the run lacks something for it.
        FileNotFoundError: there is no run directory.
    """
    path = as_path(out)
    # Drawing takes seconds to minutes: what could not be written is refused before.
    check_kind(path)
    check_writable(path.parent)
    opened = open_run(run)
    of_run, of_circuit = run_figures.FIGURES.names(), circuit_figures.FIGURES.names()
    if name in of_run:
        if step is not None:
            raise ValueError(f"figure {name!r} is of a run and has no step")
        figure = _of_run(opened, name, cell, x, y)
    elif name in of_circuit:
        if x or y:
            raise ValueError(f"figure {name!r} has no sides x and y to choose")
        if cell is None:
            raise ValueError(f"figure {name!r} is of one network; name its cell")
        figure = _of_circuit(opened, name, cell, step)
    else:
        raise ValueError(
            f"figure {name!r}: there is none of this name; of a run there are "
            f"{', '.join(of_run)}, of a network {', '.join(of_circuit)}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    save(figure, path)
    return path


def _of_run(
    run: Run, name: str, cell: Selector | None, x: str | None, y: str | None
) -> Figure:
    """Draw a figure of a run, of all its cells or of some."""
    if cell is not None and name in run_figures.OF_TABLES:
        raise ValueError(f"figure {name!r} is of all cells; leave the cell out")
    if (x or y) and name not in run_figures.OF_SQUARES:
        raise ValueError(f"figure {name!r} has no sides x and y to choose")
    ((_, figure),) = run_figures.figures(run, [name], cell=cell, x=x, y=y)
    return figure


def _of_circuit(run: Run, name: str, cell: Selector, step: int | None) -> Figure:
    """Draw a figure of the network of one cell."""
    over_training = name in circuit_figures.OVER_TRAINING
    report = read_circuit(run, cell, step, over_training=over_training)
    ((_, figure),) = circuit_figures.figures(
        report.network, report.circuit, report.measures, report.stages, [name]
    )
    return figure
