"""Head scores of attention patterns that were planted."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.circuits.induction_heads import head_scores
from jaxgrok.tasks import Example, draw
from jaxgrok.tasks.repeats import Repeats

TASK = Repeats(symbols=20, length=12, repeat_length=4, occurrences=2)


class Planted:
    """Stands for a two-layer model: head 0 looks one back, head 1 behind a repeat."""

    layers = 2

    def apply(self, _, tokens, read):
        examples, pos = tokens.shape
        first = np.zeros((examples, 2, pos, pos))
        first[:, 0, np.arange(1, pos), np.arange(pos - 1)] = 0.75
        first[:, 1, np.arange(1, pos), 0] = 1.0
        last = np.zeros((examples, 2, pos, pos))
        for row, (text, where) in enumerate(
            zip(np.asarray(tokens), np.asarray(read), strict=True)
        ):
            for query in where:
                behind = [q for q in range(1, query + 1) if text[q - 1] == text[query]]
                last[row, 1, query, behind] = 0.5 / len(behind)
        acts = {
            "blocks.0.attn.hook_pattern": jnp.asarray(first),
            "blocks.1.attn.hook_pattern": jnp.asarray(last),
        }
        return None, acts


def test_planted_heads_are_told():
    drawn = jax.jit(draw, static_argnums=(0, 2))
    examples = drawn(TASK, jax.random.key(0), 64)
    scores = head_scores(TASK, Planted(), {}, examples)
    previous, found = scores["previous_token"], scores["induction"]
    np.testing.assert_allclose(previous[0], [0.75, 0.0], atol=1e-6)
    np.testing.assert_allclose(found[1], [0.0, 0.5], atol=1e-6)
    assert previous[1, 0] == 0 and found[0, 1] == 0


def test_the_induction_target_is_behind_an_earlier_same_token():
    tokens = jnp.array([[0, 5, 6, 7, 5, 6, 9]])
    read = jnp.array([[4, 5]])

    class Uniform:
        layers = 1

        def apply(self, _, tokens, read):
            pattern = jnp.arange(49.0).reshape(1, 1, 7, 7)
            return None, {"blocks.0.attn.hook_pattern": pattern}

    task = SimpleNamespace(induction=True, unembeddings=1)
    examples = Example(tokens, jnp.array([[6, 9]]), read)
    scores = head_scores(task, Uniform(), {}, examples)
    # Position 4 holds 5, first seen at 1: look at 2. Position 5 holds 6: look at 3.
    np.testing.assert_allclose(scores["induction"], [[(4 * 7 + 2 + 5 * 7 + 3) / 2]])
    # At the targets, from 2 to 1 and from 3 to 2.
    np.testing.assert_allclose(
        scores["previous_token"], [[(2 * 7 + 1 + 3 * 7 + 2) / 2]]
    )


def test_previous_token_is_looked_for_where_it_is_needed():
    """In every layer at the targets, 2 and 3 below, and nowhere else."""
    tokens = jnp.array([[0, 5, 6, 7, 5, 6, 9]])
    first = np.zeros((1, 1, 7, 7))
    first[0, 0, 2, 1], first[0, 0, 3, 2], first[0, 0, 5, 4] = 0.5, 0.25, 1.0

    class TwoLayers:
        layers = 2

        def apply(self, _, tokens, read):
            acts = {"blocks.0.attn.hook_pattern": jnp.asarray(first)}
            acts["blocks.1.attn.hook_pattern"] = jnp.asarray(first) / 3
            return None, acts

    task = SimpleNamespace(induction=True, unembeddings=1)
    examples = Example(tokens, jnp.array([[6, 7]]), jnp.array([[4, 5]]))
    scores = head_scores(task, TwoLayers(), {}, examples)
    np.testing.assert_allclose(scores["previous_token"], [[0.375], [0.125]])
