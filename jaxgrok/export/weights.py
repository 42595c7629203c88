"""A network under TransformerLens' names.

>>> export_weights("runs/mainline-post", "seed=0", out="model.npz")
"""

from jaxgrok.circuits.weights.transformerlens import config_of, save_npz
from jaxgrok.grid.selector import Selector
from jaxgrok.host.files.atomic_files import check_writable
from jaxgrok.host.files.paths import UserPath, as_path
from jaxgrok.models.transformer import Transformer
from jaxgrok.results.run import RunOrPath, open_run


def export_weights(
    run: RunOrPath,
    selector: Selector,
    *,
    step: int | None = None,
    out: UserPath,
) -> str:
    """Write a cell's weights under TransformerLens' names, and cfg.json beside them.

    Args:
        run: a run or its directory.
        selector: the cell, as in `Run.cell`.
        step: of a snapshot; the last by default.
        out: the .npz to write.

    Returns:
        Two lines that say what was written.

    Raises:
        ValueError: there is no such cell or snapshot, or TransformerLens has no such
            network.
        FileNotFoundError: there is no run directory.
    """
    path = as_path(out)
    if path.suffix != ".npz":
        raise ValueError(f"--out {out} must end in .npz")
    check_writable(path.parent)
    cell = open_run(run).cell(selector)
    params = cell.params(step)
    # A model of several tasks may unembed each by a matrix of its own.
    if not isinstance(cell.model, Transformer) or cell.model.unembeddings > 1:
        raise ValueError(
            f"cell {cell.index}: TransformerLens has no such network; it takes a "
            "transformer with one unembedding"
        )
    config = config_of(cell.task, cell.model, seed=cell.cell.lane["seed"])
    save_npz(path, params, config)
    count = sum(array.size for array in params.values())
    return f"cell {cell.index}: {count:,} weights\n{out}, {path.with_name('cfg.json')}"
