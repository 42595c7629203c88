"""Padded sizes of training sets: few programs, little waste."""

from jaxgrok.grid import setups


def test_ladder_wastes_at_most_a_tenth_and_has_few_rungs():
    pool, rungs = 20_000, set()
    for n in range(1, pool + 1):
        size = setups.padded(n, pool)
        rungs.add(size)
        assert n <= size <= pool
        assert size - n <= n / 10
        assert size >= setups.padded(n - 1, pool) or n == 1
    assert len(rungs) < 200


def test_a_small_pool_is_one_program_whatever_its_training_sets():
    assert {setups.padded(n, 22**2) for n in range(1, 22**2 + 1)} == {22**2}
    assert setups.padded(40, 23**2) == 40
