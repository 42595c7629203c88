"""The crossover search finds planted thresholds, with trainings that cost nothing."""

import math
from collections import Counter

import numpy as np
import pytest

from jaxgrok.crossover import search
from jaxgrok.crossover.search import Bracket, Search, Trial, find
from jaxgrok.crossover.threshold_fit import Training

STEPS = 3_000
EVERY = 500
SIZES = tuple(round(n) for n in np.geomspace(100, 2_000, 32))
SPACING = math.log(SIZES[-1] / SIZES[0]) / (len(SIZES) - 1)
SEEDS = (0, 1, 2, 3, 4)


class Fake:
    """Trains in so many lanes, in step; `grok_step(trial)` is None for never."""

    def __init__(self, grok_step, lanes):
        self.grok_step, self.lanes = grok_step, lanes
        self.made, self.stopped, self.idle, self.again = {}, {}, 0, 0

    def __call__(self, search):
        busy = {}
        while True:
            for trial, cause in search.needless(busy).items():
                self.stopped[trial] = cause
                self.made[trial] = busy.pop(trial)
            for trial in search.take(self.lanes - len(busy)):
                assert trial not in busy
                # What was stopped may be wanted after all, and is trained again.
                assert trial not in self.made or self.stopped.pop(trial)
                self.again += self.made.pop(trial, 0)
                busy[trial] = 0
            if not busy:
                return
            self.idle += self.lanes - len(busy)
            for trial in list(busy):
                busy[trial] += EVERY
                step = self.grok_step(trial)
                if step is not None and step <= busy[trial]:
                    self._end(search, busy, trial, True)
                elif busy[trial] >= STEPS:
                    self._end(search, busy, trial, False)

    def tell_again(self, search):
        """Tell another search of all that was made here, as a run directory would."""
        for trial, steps in self.made.items():
            over = trial not in self.stopped
            good = over and self.grok_step(trial) is not None
            search.tell(trial, generalised=good, steps=steps, over=over)

    def _end(self, search, busy, trial, generalised):
        self.made[trial] = busy.pop(trial)
        search.tell(trial, generalised=generalised, steps=self.made[trial], over=True)


def planted(kind, seed):
    """A crossover, and grok steps around it: early far above, late close to it."""
    rng = np.random.default_rng(seed)
    edges = {"bottom": (100, 110), "top": (1_810, 2_000)}
    crossover = np.exp(rng.uniform(*np.log(edges.get(kind, (150, 1_400)))))
    own = dict.fromkeys(SEEDS, crossover)
    if kind == "spread":
        own = {s: crossover * np.exp(rng.logistic(0, 1.5 * SPACING)) for s in SEEDS}
    odd = rng.integers(len(SEEDS)) if kind == "odd" else None
    known = {}

    def grok_step(trial):
        if trial not in known:
            far = math.log(trial.size / own[trial.seed])
            good = far >= 0
            if kind == "noisy":
                good = rng.random() < 1 / (1 + math.exp(-far / SPACING))
            if trial.seed == odd and rng.random() < 0.3:
                good = not good
            late = math.exp(-1.5 * abs(far)) * rng.uniform(0.3, 1)
            known[trial] = math.ceil(STEPS * late) if good else None
        return known[trial]

    return crossover, grok_step


@pytest.mark.parametrize(
    ("kind", "lanes", "widest"),
    [
        ("sharp", 4, 1.6),
        ("sharp", 24, 1.6),
        ("noisy", 4, 4.5),
        ("noisy", 24, 4.5),
        ("spread", 4, 9.0),
        ("odd", 4, 2.0),
        ("bottom", 4, 1.6),
        ("top", 4, 1.6),
    ],
)
def test_planted_crossovers_lie_in_their_intervals(kind, lanes, widest):
    """At least 180 of 200; the median interval is at most `widest` spacings wide.

    `pytest -rP -k planted` tells the numbers.
    """
    inside, widths, trainings, stopped = 0, [], [], 0
    for seed in range(200):
        crossover, grok_step = planted(kind, seed)
        bracket = Bracket("it", SIZES, SEEDS, STEPS)
        [found] = find([bracket], Fake(grok_step, lanes), width=1.25)
        low, high = found.low or 0, found.high or math.inf
        trainings.append(found.trainings)
        stopped += found.stopped
        inside += low <= crossover <= high
        widths.append(math.log(high / low) / SPACING if low else math.inf)
    print(
        f"{kind}, {lanes} lanes: inside {inside} of 200, median width "
        f"{np.median(widths):.2f} spacings, {np.median(trainings):.0f} trainings of "
        f"{len(SIZES) * len(SEEDS)}, {stopped / 200:.1f} stopped"
    )
    assert inside >= 180
    assert np.median(widths) <= widest


@pytest.mark.parametrize("lanes", [1, 4, 24])
@pytest.mark.parametrize(
    ("step", "outcome", "advice"),
    [
        (None, "no size generalises", "sizes above 2000, or more than 3,000 steps"),
        (600, "every size generalises", "sizes below 100"),
    ],
)
def test_never_and_always_are_said_and_cost_little(lanes, step, outcome, advice):
    fake = Fake(lambda trial: step, lanes)
    [found] = find([Bracket("it", SIZES, SEEDS, STEPS)], fake, width=1.25)
    assert found.outcome == outcome and advice in found.advice
    assert found.estimate is None
    assert (found.low, found.high).count(None) == 1
    assert found.trainings == len(fake.made) <= len(SEEDS) + max(3 * lanes, 6)


def test_the_search_takes_a_fraction_of_the_grid():
    shares = []
    for seed in range(20):
        _, grok_step = planted("sharp", seed)
        fake = Fake(grok_step, 4)
        [found] = find([Bracket("it", SIZES, SEEDS, STEPS)], fake, width=1.25)
        grid = [grok_step(Trial("it", n, s)) or STEPS for n in SIZES for s in SEEDS]
        shares.append(found.lane_steps / sum(grid))
        assert found.lane_steps == sum(fake.made.values()) + fake.again
    assert np.median(shares) < 0.2


def test_free_lanes_cut_a_new_bracket_into_equal_parts():
    for lanes in (3, 5):
        search = Search([Bracket("it", SIZES, SEEDS, STEPS)], width=1.25)
        sizes = sorted(trial.size for trial in search.take(lanes))
        assert len(set(sizes)) == lanes
        steps = np.diff(np.log(sizes)) / SPACING
        assert steps.max() < 2.1 * steps.min() and steps.min() > 3


def test_more_lanes_than_cuts_go_to_other_seeds():
    search = Search([Bracket("it", SIZES, SEEDS, STEPS)], width=1.25)
    taken = search.take(24)
    assert len(set(taken)) == 24
    assert {trial.seed for trial in taken} == set(SEEDS)
    assert len({trial.size for trial in taken}) < 24


def test_all_lanes_are_shared_by_the_brackets_and_stay_busy():
    names = ("a", "b", "c")
    brackets = [Bracket(name, SIZES, SEEDS, STEPS) for name in names]
    search = Search(brackets, width=1.25)
    assert Counter(t.bracket for t in search.take(12)) == dict.fromkeys(names, 4)
    thresholds = dict(zip(names, (200, 500, 1_200), strict=True))

    def grok_step(trial):
        return 1_500 if trial.size >= thresholds[trial.bracket] else None

    fake = Fake(grok_step, 12)
    findings = find(brackets, fake, width=1.25)
    for found in findings:
        assert found.low <= thresholds[found.bracket] <= found.high
    assert fake.idle <= 0.1 * sum(fake.made.values()) / EVERY
    # Of one bracket alone, named.
    assert {t.bracket for t in search.take(1, ["b"])} == {"b"}


def test_what_can_no_longer_matter_is_stopped_and_its_lane_refilled():
    def grok_step(trial):
        return 500 if trial.size >= 300 else None

    fake = Fake(grok_step, 24)
    [found] = find([Bracket("it", SIZES, SEEDS, STEPS)], fake, width=1.25)
    causes = {cause.split(":")[0] for cause in fake.stopped.values()}
    assert causes == {"answered", "far from the crossover"}
    assert found.stopped == len(fake.stopped) > 0
    assert found.saved == sum(STEPS - fake.made[trial] for trial in fake.stopped) > 0
    assert found.low <= 300 <= found.high


def test_a_spent_budget_is_said_and_more_of_it_goes_on():
    _, grok_step = planted("sharp", 0)
    bracket = Bracket("it", SIZES, SEEDS, STEPS)
    first = Fake(grok_step, 4)
    [found] = find([bracket], first, width=1.25, budget=15_000)
    assert found.outcome == "budget spent" and "budget" in found.advice
    assert 15_000 <= found.lane_steps < 15_000 + 4 * STEPS
    assert "the budget is spent" in first.stopped.values()
    search = Search([bracket], width=1.25, budget=200_000)
    first.tell_again(search)
    second = Fake(grok_step, 4)
    second(search)
    [more] = search.findings()
    assert more.outcome == "found"
    again = first.made.keys() & second.made.keys()
    assert again <= first.stopped.keys()


def test_a_narrower_interval_goes_on_from_the_wider_one():
    _, grok_step = planted("sharp", 3)
    bracket = Bracket("it", SIZES, SEEDS, STEPS)
    fake = Fake(grok_step, 4)
    [wide] = find([bracket], fake, width=2.5)
    search = Search([bracket], width=1.3)
    fake.tell_again(search)
    more = Fake(grok_step, 4)
    more(search)
    [narrow] = search.findings()
    assert narrow.trainings > wide.trainings
    assert narrow.high / narrow.low < wide.high / wide.low
    assert not (more.made.keys() & fake.made.keys()) - fake.stopped.keys()


def test_trainings_made_elsewhere_spare_some():
    crossover, grok_step = planted("sharp", 5)
    plain, primed = Fake(grok_step, 4), Fake(grok_step, 4)
    find([Bracket("it", SIZES, SEEDS, STEPS)], plain, width=1.25)
    # At sizes and of seeds that are not its own.
    known = [Training(n, 7, n >= crossover) for n in range(150, 1_500, 30)]
    bracket = Bracket("it", SIZES, SEEDS, STEPS, tuple(known))
    [found] = find([bracket], primed, width=1.25)
    assert found.low <= crossover <= found.high
    assert len(primed.made) < len(plain.made)


def test_what_follows_is_confirmed_where_that_narrows(monkeypatch):
    own = dict(zip(SEEDS, (1_017, 1_359, 1_234, 1_497, 1_017), strict=True))
    sizes = SIZES[20:]

    def widths():
        fake = Fake(lambda t: 600 if t.size >= own[t.seed] else None, 4)
        [found] = find([Bracket("it", sizes, SEEDS, STEPS)], fake, width=1.25)
        assert found.low <= 1_234 <= found.high
        return found.high / found.low, len(fake.made)

    confirmed, made = widths()
    monkeypatch.setattr(search, "CONFIRM", math.inf)
    plain, fewer = widths()
    assert made > fewer
    assert confirmed < plain


def test_too_wide_says_what_to_add():
    def own(seed):
        return lambda t: 900 if t.size >= 150 * 2**t.seed else None

    few = Bracket("it", SIZES, (0, 1, 2), STEPS)
    [found] = find([few], Fake(own(0), 4), width=1.25)
    assert found.outcome == "found" and found.advice.endswith("more seeds")
    coarse = Bracket("it", SIZES[::6], SEEDS, STEPS)
    [found] = find(
        [coarse], Fake(lambda t: 900 if t.size > 500 else None, 4), width=1.1
    )
    assert found.outcome == "found" and found.advice.endswith("finer sizes")


def test_a_failed_training_is_not_made_again_and_decides_nothing():
    bracket = Bracket("it", SIZES, SEEDS, STEPS)
    search = Search([bracket], width=1.25)
    first = search.take(1)
    search.forget(first[0])
    assert first[0] not in search.take(40)
    assert search.findings()[0].trainings == 0


def test_where_all_fails_nothing_is_found():
    search = Search([Bracket("it", SIZES, SEEDS, STEPS)], width=1.25)
    while trials := search.take(4):
        for trial in trials:
            search.forget(trial)
    [found] = search.findings()
    assert found.outcome == "open" and "160 trainings failed" in found.advice


def test_a_training_known_twice_counts_once_and_one_made_here_replaces_it():
    known = [Training(n, s, n >= 500) for n in SIZES[::4] for s in SEEDS]
    once = Search([Bracket("it", SIZES, SEEDS, STEPS, tuple(known))], width=1.25)
    twice = Search([Bracket("it", SIZES, SEEDS, STEPS, (*known, *known))], width=1.25)
    for training in known[:7]:
        trial = Trial("it", training.size, training.seed)
        good = training.generalised
        twice.tell(trial, generalised=good, steps=STEPS, over=True)
    assert once._states["it"].fit.ratio == twice._states["it"].fit.ratio


def test_a_resumed_trial_is_not_taken_twice():
    search = Search([Bracket("it", SIZES, SEEDS, STEPS)], width=1.25)
    [first] = Search([Bracket("it", SIZES, SEEDS, STEPS)], width=1.25).take(1)
    search.started(first)
    assert first not in search.take(60)


@pytest.mark.parametrize("width", [1.0, 0.5, math.inf, math.nan])
def test_a_width_must_be_above_one(width):
    with pytest.raises(ValueError, match=r"width=.* must be above 1"):
        Search([Bracket("it", SIZES, SEEDS, STEPS)], width=width)


def test_a_budget_must_be_something():
    with pytest.raises(ValueError, match="budget=0 must be at least 1"):
        Search([Bracket("it", SIZES, SEEDS, STEPS)], width=2.0, budget=0)
