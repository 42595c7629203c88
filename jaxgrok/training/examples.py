"""What a lane trains on and is tested on, made from its seed inside jit.

In the regime "finite" a cell has a training set of its own, nested in n_train, which is
read in full or in minibatches; "online", every step draws fresh examples. All of them
come from named streams of the lane's seed and depend on (seed, step) alone.

>>> rows = train_set(setup, lane, order)
>>> examples, weights = batch(setup, lane, rows, step)
"""

import zlib

import jax
import jax.numpy as jnp

from jaxgrok.tasks import Example, Pool, draw, is_pool
from jaxgrok.training.lane import Lane
from jaxgrok.training.setup import Setup


def stream(seed: jax.Array | int, name: str) -> jax.Array:
    """Return the key of a named stream of a seed: independent of every other name."""
    # Not hash(): Python salts that of a str anew in every process.
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))


def order(seed: jax.Array | int, pool_size: int) -> jax.Array:
    """Return the seed's permutation of a pool [examples]: the first n_train train."""
    rows = jax.random.permutation(stream(seed, "split"), pool_size)
    return rows.astype(jnp.int32)


def train_set(setup: Setup, lane: Lane, order: jax.Array) -> Example:
    """Return the cell's training set, padded to `setup.train_size` examples.

    The first n_train count. From a pool they are the first rows of the seed's
    permutation; from a sampled task, the first draws of the seed's stream "train", two
    of which may be equal. Online there is no training set, and the arrays are empty.
    """
    if setup.regime == "online":
        return Example((), ())
    if not is_pool(setup.task):
        return draw(setup.task, stream(lane.seed, "train"), setup.train_size)
    tokens, labels = _pool(setup.task)
    # Where the set is larger than the pool the order repeats, but only past n_train.
    rows = jnp.resize(order, (setup.train_size,))
    return Example(tokens[rows], labels[rows])


def batch(
    setup: Setup, lane: Lane, examples: Example, step: jax.Array
) -> tuple[Example, jax.Array]:
    """Return the examples of a step, and the weight of each in the mean loss.

    A finite set is read in full or, with a batch size, in minibatches: every epoch has
    a permutation of its own, and its last batch may be smaller. Online, every step
    draws from a key of its own.

    Args:
        setup: says the regime and the batch size.
        lane: its seed, and how many examples count.
        examples: what `train_set` made.
        step: updates made so far.

    Returns:
        The examples, and their weights [examples], which add up to 1.
    """
    size = setup.batch_size
    if setup.regime == "online":
        fresh = _online(setup, lane, step, size)
        return fresh, jnp.full(size, 1 / size, setup.dtype)
    if not size:
        return examples, _mean_of(lane.n_train, setup.train_size, setup)
    per_epoch = -(-lane.n_train // size)
    epoch, batch_number = step // per_epoch, step % per_epoch
    key = jax.random.fold_in(stream(lane.seed, "batch"), epoch)
    # n_train is traced, and a permutation needs a static length: so every example,
    # padding too, draws a lot, and the lots are sorted.
    counts = jnp.arange(setup.train_size) < lane.n_train
    # Padding sorts behind every example: these have 31 bits.
    lots = jax.random.bits(key, (setup.train_size,)) >> 1
    shuffled = jnp.argsort(jnp.where(counts, lots, jnp.uint32(0xFFFFFFFF)))
    # A slice that overran the end would be moved back, into the batch before.
    padded = jnp.concatenate([shuffled, jnp.zeros(size, shuffled.dtype)])
    rows = jax.lax.dynamic_slice(padded, (batch_number * size,), (size,))
    count = jnp.minimum(lane.n_train - batch_number * size, size)
    return jax.tree.map(lambda x: x[rows], examples), _mean_of(count, size, setup)


def evaluation(
    setup: Setup, lane: Lane, order: jax.Array, step: jax.Array
) -> tuple[Example, jax.Array, jax.Array]:
    """Return what an evaluation reads, and which of it counts as train and as test.

    - Pool, finite: every example once.
    - Pool, online: every example, which counts as both.
    - Sampled, finite: the training set, and `setup.test_size` draws of the stream
      "test"; those that are in the training set do not count.
    - Sampled, online: the next `test_size` draws of the training stream, and as many
      fresh ones of "test".

    Args:
        setup: says the task and the regime.
        lane: its seed, and how many examples train.
        order: the seed's permutation of the pool [pool]; not read for a sampled task.
        step: updates made so far; read online alone.

    Returns:
        The examples, `is_train` [examples] bool and `is_test` [examples] bool.
    """
    task, size = setup.task, setup.test_size
    if is_pool(task):
        tokens, labels = _pool(task)
        examples = Example(tokens, labels)
        if setup.regime == "online":
            everything = jnp.ones(task.pool_size, bool)
            return examples, everything, everything
        # order[i] is the pool's row of the split's example i. Its inverse by a sort: a
        # scatter is slow on accelerators.
        is_train = jnp.argsort(order) < lane.n_train
        return examples, is_train, ~is_train
    key = stream(lane.seed, "test")
    if setup.regime == "online":
        train = _online(setup, lane, step, size)
        counts = jnp.ones(size, bool)
        test = draw(task, jax.random.fold_in(key, step), size)
        is_new = jnp.ones(size, bool)
    else:
        train = train_set(setup, lane, order)
        counts = jnp.arange(setup.train_size) < lane.n_train
        test = draw(task, key, size)
        is_new = ~_seen(test.tokens, train.tokens, counts)
    examples = jax.tree.map(lambda *x: jnp.concatenate(x), train, test)
    is_train = jnp.concatenate([counts, jnp.zeros(size, bool)])
    is_test = jnp.concatenate([jnp.zeros(counts.shape, bool), is_new])
    return examples, is_train, is_test


def _pool(task: Pool) -> tuple[jax.Array, jax.Array]:
    """Return all of a pool: tokens [examples, pos] and labels [examples, read]."""
    tokens, labels = (jnp.asarray(array) for array in task.pool())
    return tokens, labels


def _online(setup: Setup, lane: Lane, step: jax.Array, count: int) -> Example:
    """Draw the first `count` examples of a step."""
    key = jax.random.fold_in(stream(lane.seed, "batch"), step)
    if not is_pool(setup.task):
        return draw(setup.task, key, count)
    tokens, labels = _pool(setup.task)
    rows = jax.random.randint(key, (count,), 0, setup.task.pool_size)
    return Example(tokens[rows], labels[rows])


def _mean_of(count: jax.Array, size: int, setup: Setup) -> jax.Array:
    """Return weights [size] that make a sum the mean of the first `count`."""
    # Cast before dividing: a quotient of int32 is float32, under x64 too.
    counted = (jnp.arange(size) < count).astype(setup.dtype)
    return counted / count.astype(setup.dtype)


def _seen(test: jax.Array, train: jax.Array, counts: jax.Array) -> jax.Array:
    """Tell which rows of `test` [test, pos] are in the training set: [test] bool.

    They are compared by a 32-bit fingerprint: a row of the training set is always
    recognised, and of the others one in 2³² / n_train is taken for one by chance.
    """
    fingerprints = _fingerprints(train)
    # Padding takes the fingerprint of the first example, so that it adds none.
    fingerprints = jnp.where(counts, fingerprints, fingerprints[0])
    return jnp.isin(_fingerprints(test), fingerprints, method="sort")


def _fingerprints(tokens: jax.Array) -> jax.Array:
    """Return a number for each row of tokens [examples, pos]: [examples] uint32."""
    key = jax.random.key(0)
    # Odd factors are invertible modulo 2³²: two rows that differ in one position
    # never collide.
    factors = jax.random.bits(key, (1, tokens.shape[1])) | 1
    mixed: jax.Array = jnp.sum(
        (tokens.astype(jnp.uint32) + 1) * factors, 1, dtype=jnp.uint32
    )
    # Mixing is a bijection of uint32, so it adds no collision.
    mixed = (mixed ^ (mixed >> 16)) * jnp.uint32(0x7FEB352D)
    return mixed ^ (mixed >> 15)
