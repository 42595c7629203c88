"""The measures of the logits hold by plain loops, by hand, and without a split."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

import planted
from jaxgrok.circuits.logit_section import logit_section, summarise


def fields_of(network, keys):
    return logit_section(network, summarise(network), keys)


class Loops:
    """Every Fourier measure of the logits from its definition, one sum at a time."""

    def __init__(self, network, key):
        self.L, self.n, self.sign = network.logits, network.order, network.sign
        self.is_train, self.key = network.is_train, key
        self.pairs = list(itertools.product(range(self.n), repeat=2))
        self.P = {k: self.projection(k) for k in range(1, self.n // 2 + 1)}
        self.C = {k: self.cube(k) for k in range(1, self.n // 2 + 1)}
        self.v = {k: (self.C[k] * self.L).sum() for k in self.C}

    def projection(self, k):
        """Onto unit cos w_k(a ± b) and sin w_k(a ± b), for each class by itself."""
        terms = np.zeros_like(self.L)
        for wave in (math.cos, math.sin):
            grid = np.zeros((self.n, self.n))
            for a, b in self.pairs:
                angle = 2 * math.pi * k * (a + self.sign * b) / self.n
                grid[a, b] = wave(angle)
            norm = math.sqrt((grid**2).sum())
            if norm < 1e-6:  # sin of k = n/2 vanishes
                continue
            for c in range(self.n):
                size = sum(grid[a, b] / norm * self.L[a, b, c] for a, b in self.pairs)
                terms[:, :, c] += size * grid / norm
        return terms

    def cube(self, k):
        terms = np.zeros_like(self.L)
        for a, b in self.pairs:
            for c in range(self.n):
                angle = 2 * math.pi * k * (a + self.sign * b - c) / self.n
                terms[a, b, c] = math.cos(angle)
        return terms / math.sqrt((terms**2).sum())

    def loss(self, logits, which="all"):
        losses = []
        for a, b in self.pairs:
            if which != "all" and self.is_train[a, b] != (which == "train"):
                continue
            right = (a + self.sign * b) % self.n
            total = sum(math.exp(logit) for logit in logits[a, b])
            losses.append(math.log(total) - logits[a, b, right])
        return sum(losses) / len(losses)

    def trig(self, which):
        kept = sum(self.P[k] for k in self.key)
        bias = np.array([(self.L - kept)[:, :, c].mean() for c in range(self.n)])
        return self.loss(kept + bias, which)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("n", "key"), [(5, [2]), (5, [1, 2]), (6, [1, 3])])
def test_measures_of_the_logits_are_their_definitions(n, key, sign):
    network = planted.noisy(n, sign)
    fields, by = fields_of(network, key), Loops(network, key)
    close = dict(rtol=1e-10, atol=1e-12)
    every = range(1, n // 2 + 1)
    np.testing.assert_allclose(
        fields["cos_coefficients"], [by.v[k] for k in every], **close
    )
    for name, parts in (
        ("2d", by.P),
        ("3d", {k: by.v[k] * by.C[k] for k in every}),
    ):
        excluded = [by.loss(by.L - parts[k], "train") for k in every]
        full = by.loss(by.L - sum(parts[k] for k in key), "train")
        np.testing.assert_allclose(fields[f"excluded_loss_{name}"], excluded, **close)
        assert fields[f"excluded_loss_{name}_full"] == pytest.approx(full)
    for which in ("all", "train", "test"):
        assert fields["trig_loss"][which] == pytest.approx(by.trig(which))
    cosines = sum(by.v[k] * by.C[k] for k in key)
    assert fields["cos_approximation_loss"] == pytest.approx(by.loss(cosines))
    kept = sum(by.v[k] ** 2 for k in key)
    overall = ((by.L - by.L.mean()) ** 2).sum()
    per_class = sum(
        ((by.L[:, :, c] - by.L[:, :, c].mean()) ** 2).sum() for c in range(n)
    )
    assert fields["logit_variance_explained"] == pytest.approx(
        {"overall": kept / overall, "per_class": kept / per_class}
    )


def test_a_hand_checked_case_of_five():
    # One right class one nat ahead: L = [a + b = c]. Every column of P_k L is then
    # 2/5 cos w_k(a + b - c), and v_k = ⟨C_k, L⟩ = 25 · 1/√(125/2).
    n = 5
    network = planted.arrays(n, {1: 1.0})
    a, b, c = np.ogrid[:n, :n, :n]
    logits = ((a + b) % n == c).astype(float)
    network = dataclasses.replace(network, logits=logits)
    fields = fields_of(network, [1, 2])
    np.testing.assert_allclose(fields["cos_coefficients"], 25 / math.sqrt(62.5))
    # All of L but its mean 1/5 lies in the two frequencies.
    assert fields["logit_variance_explained"]["overall"] == pytest.approx(1)
    assert fields["excluded_loss_2d_full"] == pytest.approx(math.log(5))
    assert fields["excluded_loss_3d_full"] == pytest.approx(math.log(5))
    loss = math.log(math.e + 4) - 1
    assert fields["trig_loss"]["all"] == pytest.approx(loss)
    assert fields["cos_approximation_loss"] == pytest.approx(loss)
    others = [2 / 5 * math.cos(2 * math.pi * j / 5) for j in range(5)]
    left = [(j == 0) - others[j] for j in range(5)]
    without = math.log(sum(map(math.exp, left))) - left[0]
    np.testing.assert_allclose(fields["excluded_loss_2d"], without)


def test_components_of_one_frequency_are_four_equal_products():
    # cos(a + b - c) is cos(a+b) cos(c) + sin(a+b) sin(c).
    fields = fields_of(planted.arrays(5, {1: 3.0}), [1])
    logits = np.zeros((5, 5))
    logits[1:3, 1:3] = 3 * 2.5 * math.sqrt(2.5)
    np.testing.assert_allclose(fields["logits_2d"], logits, atol=1e-12)


def test_losses_are_means_over_the_pool_which_may_have_more_than_the_pairs():
    network = dataclasses.replace(
        planted.arrays(5, {1: 3.0}),
        pool_loss=np.array([1.0, 2.0, 6.0]),
        pool_is_right=np.array([True, True, False]),
        pool_is_train=np.array([True, False, False]),
    )
    fields = fields_of(network, [1])
    assert fields["all_loss"] == 3
    assert (fields["train_loss"], fields["test_loss"]) == (1, 4)
    assert (fields["train_accuracy"], fields["test_accuracy"]) == (1, 0.5)
    assert fields["all_accuracy"] == pytest.approx(2 / 3)


def test_without_a_split_only_the_losses_of_all_pairs_are_known():
    network = planted.arrays(7, {2: 9.0})
    unsplit = dataclasses.replace(network, is_train=None, pool_is_train=None)
    whole, fields = (fields_of(each, [2]) for each in (network, unsplit))
    assert fields["all_loss"] == whole["all_loss"]
    assert fields["trig_loss"]["all"] == whole["trig_loss"]["all"]
    unknown = [fields["train_loss"], fields["test_loss"]]
    unknown += [fields["trig_loss"]["train"], fields["trig_loss"]["test"]]
    unknown += [fields["excluded_loss_2d_full"], *fields["excluded_loss_3d"]]
    assert np.isnan(unknown).all()


def test_logits_that_are_all_the_same_have_no_variance_to_explain():
    network = dataclasses.replace(
        planted.arrays(5, {1: 1.0}), logits=np.full((5, 5, 5), 2.0)
    )
    shares = fields_of(network, [1])["logit_variance_explained"]
    assert np.isnan([shares["overall"], shares["per_class"]]).all()
