"""A dataset that went through a NetCDF file is the same."""

import handmade
import numpy as np
import pytest
import xarray as xr

import jaxgrok
from jaxgrok.export.netcdf import export_netcdf


@pytest.mark.parametrize(("cell", "rows"), [(None, range(6)), ("seed=1", [1, 4])])
def test_the_file_holds_the_dataset(tmp_path, cell, rows):
    manifest = handmade.product()
    run = handmade.write(tmp_path / "run", manifest, handmade.all_results(manifest))
    out = export_netcdf(run, cell=cell, out=tmp_path / "sub" / "data.nc")
    assert [file.name for file in out.parent.iterdir()] == ["data.nc"]
    found, dataset = xr.load_dataset(out, engine="h5netcdf"), jaxgrok.load(run)
    assert set(found.data_vars) == set(dataset.data_vars)
    if cell is None:
        xr.testing.assert_equal(found, dataset)
        return
    assert found.cell.values.tolist() == rows
    assert found.weight_decay.values.tolist() == [0.1, 1.0]
    np.testing.assert_array_equal(
        found.train_loss.values, dataset.train_loss.sel(seed=1).values[:, 0]
    )
