"""The dataset of a run as one NetCDF file, for any tool that reads HDF5.

>>> export_netcdf("runs/mine", out="mine.nc")
>>> xarray.open_dataset("mine.nc", engine="h5netcdf")
"""

from jaxgrok.grid.selector import Selector
from jaxgrok.host.files.atomic_files import atomic_path, check_writable
from jaxgrok.host.files.paths import AnyPath, UserPath, as_path
from jaxgrok.host.packages import needed
from jaxgrok.results.run import RunOrPath, open_run
from jaxgrok.results.selection import selected


def export_netcdf(
    run: RunOrPath, *, cell: Selector | None = None, out: UserPath
) -> AnyPath:
    """Write what `jaxgrok.load` returns, of all cells or of some.

    Args:
        run: a run or its directory.
        cell: which cells; all by default.
        out: the .nc file to write.

    Returns:
        Its path.

    Raises:
        ValueError: there is no such cell, `out` does not end in .nc, or h5netcdf is
            not installed.
        FileNotFoundError: there is no run directory.
    """
    path = as_path(out)
    if path.suffix != ".nc":
        raise ValueError(f"--out {out} must end in .nc")
    for name in ("h5netcdf", "h5py"):
        needed(name, extra="netcdf")
    check_writable(path.parent)
    opened = open_run(run)
    dataset = opened.dataset()
    if cell is not None:
        dataset = selected(dataset, opened.matching(cell))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as partial:
        dataset.to_netcdf(partial, engine="h5netcdf")
    return path
