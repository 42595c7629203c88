"""Projections and losses of logits: no overflow, and the same inside jit."""

import math

import jax
import numpy as np
import pytest

import planted
from jaxgrok.fourier import logit_projections
from jaxgrok.fourier.key_frequencies import frequency_mask


def test_excluded_losses_without_overflow():
    # Thousands of nats: exp(L) and exp(-P) alone are far outside float64.
    n = 5
    network = planted.arrays(n, {1: 3000.0, 2: 2000.0}, noise=1.0)
    grouped = logit_projections.by_answer(network.logits, 1)
    removed = logit_projections.projections(grouped.mean(1))
    found = logit_projections.excluded_losses(grouped, removed, np.ones((n, n)))
    slow = [
        logit_projections.cross_entropy(
            network.logits - removed[network.labels, :, k], network.labels
        ).mean()
        for k in range(2)
    ]
    np.testing.assert_allclose(found, slow, rtol=1e-9)
    assert np.isnan(
        logit_projections.excluded_losses(grouped, removed, np.zeros((n, n)))
    ).all()


def test_cross_entropy_of_small_and_large_losses():
    logits = np.array([[0.0, -50.0], [0.0, 800.0], [1.0, 1.0], [-900.0, 0.0]])
    labels = np.array([0, 0, 1, 1])
    np.testing.assert_allclose(
        logit_projections.cross_entropy(logits, labels)[:3],
        [math.exp(-50), 800, math.log(2)],
        rtol=1e-14,
    )
    assert logit_projections.cross_entropy(logits, labels)[3] == 0


@pytest.mark.parametrize(("n", "sign"), [(5, 1), (6, -1)])
def test_the_logits_measures_inside_jit_are_those_on_the_host(n, sign):
    network = planted.noisy(n, sign)
    is_key = frequency_mask([1], n)

    def everything(logits):
        grouped = logit_projections.by_answer(logits, sign)
        table = grouped.mean(1)
        values = logit_projections.coefficients(table)
        terms = logit_projections.cosine_terms(values, n)
        train = logit_projections.by_answer(network.is_train, sign)
        return (
            values,
            logit_projections.projections(table),
            logit_projections.table_losses(logit_projections.trig_table(table, is_key)),
            logit_projections.excluded_losses(
                grouped, logit_projections.projections(table), train
            ),
            logit_projections.excluded_losses(grouped, terms, train),
            logit_projections.cross_entropy(logits, network.labels),
        )

    with jax.enable_x64(True):
        inside = jax.jit(everything)(network.logits)
        for ours, host in zip(inside, everything(network.logits), strict=True):
            np.testing.assert_allclose(ours, host, rtol=1e-10, atol=1e-12)
