"""Regimes: nested sets, streams that never repeat, batches that go through all."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tiny
from jaxgrok.training import examples as data
from jaxgrok.training.setup import lane_of


def group(task="digits", **fields):
    """A small group of a task."""
    sampled = {} if task in ("modular", "multitask") else {"train_fraction": ()}
    return tiny.group(**{"task": task, **sampled, "digits": 2, **fields})


def lane(group, **fields):
    return jax.device_put(lane_of(group.setup, **group.cells[0].lane | fields))


def rows(examples):
    """Examples as a list of tuples of tokens."""
    return [tuple(row) for row in np.asarray(examples.tokens).tolist()]


batch = jax.jit(data.batch, static_argnums=0)
train_set = jax.jit(data.train_set, static_argnums=0)
evaluation = jax.jit(data.evaluation, static_argnums=0)
NONE = jnp.zeros(1, jnp.int32)


def order_of(group, seed):
    return data.order(seed, group.setup.task.pool_size)


def test_online_batches_never_repeat_and_are_known_by_seed_and_step():
    found = group(regime="online", batch_size=16, digits=5)
    seen = {}
    for seed in (0, 1, 2):
        one = lane(found, seed=seed)
        for step in (0, 1, 2, 1000):
            examples, weights = batch(found.setup, one, data.Example((), ()), step)
            np.testing.assert_allclose(weights, 1 / 16)
            seen[seed, step] = rows(examples)
    every = [row for some in seen.values() for row in some]
    assert len(set(every)) == len(every) == 3 * 4 * 16
    other = lane(found, seed=1, weight_decay=7.0, learning_rate=0.1)
    again, _ = batch(found.setup, other, data.Example((), ()), 2)
    assert rows(again) == seen[1, 2]


def test_lanes_of_one_vmap_draw_what_they_draw_alone():
    found = group(regime="online", batch_size=8, digits=5)
    lanes = [lane(found, seed=seed) for seed in (3, 4)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *lanes)
    step = jnp.array([5, 6])

    def one(lane, step):
        return data.batch(found.setup, lane, data.Example((), ()), step)[0].tokens

    together = jax.jit(jax.vmap(one))(stacked, step)
    single = jax.jit(one)
    for i, alone in enumerate(lanes):
        np.testing.assert_array_equal(together[i], single(alone, step[i]))


@pytest.mark.parametrize(
    "task",
    [
        "digits",
        pytest.param("repeats", marks=pytest.mark.long),
        pytest.param("trigrams", marks=pytest.mark.long),
        "parity",
    ],
)
def test_finite_sets_of_a_sampled_task_are_nested_and_the_seed_s_own(task):
    few, many = group(task, n_train=(20,)), group(task, n_train=(50,))
    small = rows(train_set(few.setup, lane(few), NONE))[:20]
    large = rows(train_set(many.setup, lane(many), NONE))[:50]
    assert small == large[:20]
    other = rows(train_set(many.setup, lane(many, seed=1), NONE))
    assert other[:50] != large


def test_full_batches_weigh_the_first_n_train_only():
    found = group(n_train=(33,))
    assert found.setup.train_size == 34
    one = lane(found)
    examples = train_set(found.setup, one, NONE)
    same, weights = batch(found.setup, one, examples, 0)
    assert rows(same) == rows(examples)
    np.testing.assert_allclose(weights, [1 / 33] * 33 + [0])


@pytest.mark.parametrize(("n_train", "size"), [(20, 8), (16, 8), (5, 8), (33, 1)])
def test_an_epoch_of_minibatches_is_every_example_once(n_train, size):
    found = group(n_train=(n_train,), batch_size=size, digits=5)
    one = lane(found)
    examples = train_set(found.setup, one, NONE)
    mine = rows(examples)[:n_train]
    per_epoch = -(-n_train // size)
    orders = []
    for epoch in range(3):
        passed = []
        for place in range(per_epoch):
            some, weights = batch(found.setup, one, examples, epoch * per_epoch + place)
            weights = np.asarray(weights)
            count = int((weights > 0).sum())
            assert count == min(size, n_train - place * size)
            np.testing.assert_allclose(weights[:count], 1 / count, rtol=1e-6)
            passed += rows(some)[:count]
        assert sorted(passed) == sorted(mine)
        orders.append(tuple(passed))
    if n_train > size:
        assert len(set(orders)) == 3


def test_minibatches_of_a_pool_are_of_its_train_pairs():
    found = group("modular", batch_size=4, train_fraction=(0.5,))
    one, order = lane(found), order_of(found, 0)
    examples = train_set(found.setup, one, order)
    tokens, labels = found.setup.task.pool()
    train = {tuple(tokens[row]) for row in np.asarray(order)[:24]}
    seen = set()
    for step in range(6):
        some, _ = batch(found.setup, one, examples, step)
        seen |= set(rows(some))
        answers = {tuple(t): int(a[0]) for t, a in zip(tokens, labels, strict=True)}
        assert [answers[row] for row in rows(some)] == some.labels[:, 0].tolist()
    assert seen == train


def test_no_test_example_is_in_the_training_set():
    # 100 sums in all, of which 60 draws hold about half.
    found = group(n_train=(60,), digits=1, test_size=500)
    one = lane(found)
    examples, is_train, is_test = evaluation(found.setup, one, NONE, 0)
    everything = rows(examples)
    train = {row for row, counts in zip(everything, is_train, strict=True) if counts}
    test = [row for row, counts in zip(everything, is_test, strict=True) if counts]
    left_out = [
        row
        for row, a, b in zip(everything, is_train, is_test, strict=True)
        if not a and not b
    ]
    assert int(is_train.sum()) == 60 and train == set(everything[:60])
    assert len(test) > 150 and not train & set(test)
    # The padding of the training set apart, only what is in it was left out.
    padding = found.setup.train_size - 60
    assert set(left_out[padding:]) <= train
    assert len(set(test) | train) == 100


def test_the_test_set_is_disjoint_from_the_training_stream():
    found = group(n_train=(40,), digits=5, test_size=64)
    examples, _, is_test = evaluation(found.setup, lane(found), NONE, 0)
    assert int(is_test.sum()) == 64
    later, _, _ = evaluation(found.setup, lane(found), NONE, 100)
    assert rows(later) == rows(examples)


def test_online_evaluations_are_fresh():
    found = group(regime="online", batch_size=4, digits=5, test_size=32)
    one = lane(found)
    seen = []
    for step in (0, 10):
        examples, is_train, is_test = evaluation(found.setup, one, NONE, step)
        assert int(is_train.sum()) == int(is_test.sum()) == 32
        assert not (is_train & is_test).any()
        seen += rows(examples)
        ahead, _ = batch(found.setup, one, data.Example((), ()), step)
        assert rows(ahead) == rows(examples)[:4]  # train: what comes next
    assert len(set(seen)) == 128


def test_online_over_a_pool_reads_all_of_it():
    found = group("modular", regime="online", batch_size=4)
    one, order = lane(found), order_of(found, 0)
    examples, is_train, is_test = evaluation(found.setup, one, order, 0)
    assert len(rows(examples)) == 49 and is_train.all() and is_test.all()
    some, _ = batch(found.setup, one, data.Example((), ()), 3)
    assert set(rows(some)) <= set(rows(examples))


def test_the_whole_of_a_pool_may_train():
    found = group("modular", train_fraction=(0.95,))
    _, is_train, is_test = evaluation(found.setup, lane(found), order_of(found, 0), 0)
    assert (int(is_train.sum()), int(is_test.sum())) == (46, 3)
    assert not (is_train & is_test).any()


def test_padding_of_a_set_changes_no_example():
    found = group(n_train=(20,))
    wide = dataclasses.replace(found.setup, train_size=40)
    one = lane(found)
    assert rows(train_set(wide, one, NONE))[:20] == rows(
        train_set(found.setup, one, NONE)
    )
