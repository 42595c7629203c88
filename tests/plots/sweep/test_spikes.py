"""The figure of slingshots says what the dataset holds."""

import pytest
from drawn import NAN, along

from jaxgrok.plots.sweep import spikes

pytestmark = pytest.mark.filterwarnings("error")


def test_spikes_have_a_panel_a_setting_with_their_counts():
    found = along(
        "loss",
        ("exact", "float32"),
        [[10, 10]] * 2,
        [[NAN, NAN]] * 2,
        spikes=[[0, 0], [7, 8]],
    )
    found["max_train_loss"][1, 0, 5] = 0.5
    figure = spikes(found)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["loss exact\nspikes: 0, 0", "loss float32\nspikes: 7, 8"]
    peaks = [
        max(line.get_ydata()[3:].max() for line in a.get_lines()[:2])
        for a in figure.axes
    ]
    assert peaks[0] < 0.1 and peaks[1] == 0.5
    assert "seed" not in figure.get_suptitle()
