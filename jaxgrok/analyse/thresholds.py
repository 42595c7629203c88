"""Read the outcomes of a run again, by other thresholds, into a folder of their own.

>>> run = jaxgrok.open("runs/mine").with_thresholds(accuracy_threshold=0.95, hold=5)
>>> write(run, default_folder(run))
"""

from collections.abc import Sequence

from jaxgrok.host.files.paths import AnyPath
from jaxgrok.plots.files import save
from jaxgrok.plots.run_figures import figures
from jaxgrok.results.rows import write_tables
from jaxgrok.results.run import Run


def default_folder(run: Run) -> AnyPath:
    """Return the folder in the run directory that is named after the thresholds."""
    return run.path / "thresholds" / str(run.manifest.thresholds)


def write(run: Run, folder: AnyPath, names: Sequence[str] | None = None) -> AnyPath:
    """Write the tables of a run's outcomes, and its figures; return the folder.

    Args:
        run: with the thresholds that its outcomes are read by.
        folder: made if it does not exist.
        names: the figures; by default all that the dataset has everything for.

    Raises:
        ValueError: the folder is a run directory, or the run does not have one of the
            figures; nothing is written.
    """
    if (folder / "manifest.json").exists():
        raise ValueError(
            f"out={folder} is a run directory, whose tables stay as they are; choose "
            "another folder"
        )
    drawn = figures(run, names)
    # The names are checked when the first figure is drawn, before the folder is made.
    first = next(drawn)
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    write_tables(folder, run.manifest.axes, run.rows(), run.component_rows())
    # One figure at a time is open: `figures` draws the next when it is asked for.
    for name, figure in (first, *drawn):
        save(figure, folder / "plots" / f"{name}.png")
    return folder
