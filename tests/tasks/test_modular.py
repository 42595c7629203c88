"""Modular operations as sums in a cyclic group."""

from jaxgrok.tasks import modular
from jaxgrok.tasks.modular import Modular


def test_readings():
    assert Modular("x-y", 4).reading == modular.Reading(4, (0, 1, 2, 3), -1)
    # 3 is the smallest primitive root of 7: 1, 3, 9=2, 6, 18=4, 12=5.
    assert Modular("x*y", 7).reading == modular.Reading(6, (1, 3, 2, 6, 4, 5), 1)
    assert Modular("x/y", 7).reading == modular.Reading(6, (1, 3, 2, 6, 4, 5), -1)
    for p in (3, 5, 11, 23, 41):  # the smallest primitive root of 41 is 6
        assert sorted(Modular("x*y", p).reading.elements) == list(range(1, p))
