"""A part of a dataset holds the cells that were named, under their own indices."""

import handmade
import pytest

import jaxgrok
from jaxgrok.results.selection import selected


@pytest.mark.parametrize("indices", [[1, 4], [5], [3, 0]])
def test_cells_keep_their_rows_and_axes(indices, tmp_path):
    manifest = handmade.product()
    results = {result.cell_id: result for result in handmade.all_results(manifest)}
    run = handmade.write(tmp_path / "run", manifest, list(results.values()))
    part = selected(jaxgrok.load(run), indices)
    assert part.cell.values.tolist() == indices
    for row, index in enumerate(indices):
        cell = part.isel(cell=row)
        axes = manifest.cells[index].axes
        assert {name: cell[name].item() for name in axes} == axes
        records = results[manifest.cells[index].id].records
        assert cell.train_loss.values.tolist() == records[:, 1].tolist()
    # A part of a part has the rows of the whole no more, but its own order.
    again = selected(part, [0])
    assert again.cell.values.tolist() == indices[:1]
