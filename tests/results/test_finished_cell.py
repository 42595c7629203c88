"""What a callback is told of a cell."""

import numpy as np
from handmade import product, result

from jaxgrok.results.finished_cell import FinishedCell
from jaxgrok.results.rows import cell_row


def test_a_cell_has_its_row_and_its_curves_by_name():
    manifest = product()
    one = result(manifest.cells[2])
    cell = FinishedCell(cell_row(manifest, 2, one), one, done=1, total=6)
    assert (cell.index, cell.axes) == (2, manifest.cells[2].axes)
    assert cell.phase == cell.row["phase"] == "confusion"
    assert cell.curves["step"].tolist() == [0, 10, 20, 30, 40]
    assert cell.curves["test_loss"].shape == (5,)
    assert cell.curves["sum_of_squares"].shape == (5, 2)
    np.testing.assert_array_equal(cell.curves["train_loss"], one.curve("train_loss"))
