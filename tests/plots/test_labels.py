"""Names of values, steps and squares."""

import pytest

from jaxgrok.plots.labels import short

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (0, "0"),
        (950, "950"),
        (999.6, "1k"),
        (1000, "1k"),
        (1600, "1.6k"),
        (12500, "12.5k"),
        (999_999, "1M"),
        (2_000_000, "2M"),
    ],
)
def test_short_steps(step, text):
    assert short(step) == text
