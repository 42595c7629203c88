"""Which trial of a setting to train next.

The first k trials cut what is not known yet into k + 1 equally likely parts. Where the
parts are fine enough, further lanes train other seeds.

>>> trial = choose(evidence, options(evidence))
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from jaxgrok.crossover.evidence import Evidence
from jaxgrok.crossover.settings import Trial
from jaxgrok.crossover.threshold_fit import Training

FINE = 1 / 8
"""Probability of a part below which a size is not cut off; another seed is trained."""
CONFIRM = 1.5
"""Train implied outcomes if the interval, in log n, becomes narrower by this factor."""


def options(evidence: Evidence) -> dict[int, list[int]]:
    """Return the trials worth training: sizes near the interval, and seeds for each.

    Trials whose outcome follows from other sizes of the same seed are left out. Where
    only such trials are left, they are returned if their outcomes, once confirmed,
    would make the interval much narrower.
    """
    fails_at, generalises_at = _bounds(evidence)
    # A seed that generalised at one size is taken to do so at all larger ones.
    undecided: list[Trial] = []
    implied: list[Training] = []
    for trial in _untried(evidence):
        upper = generalises_at.get(trial.seed, math.inf)
        if fails_at.get(trial.seed, 0) < trial.size < upper:
            undecided.append(trial)
        else:
            implied.append(Training(trial.size, trial.seed, trial.size >= upper))
    if undecided or not implied:
        return _seeds_by_size(undecided)
    # An outcome that only follows is no training: would it help to confirm all?
    confirmed = evidence.model.fit([*evidence.trainings(), *implied])
    # ratio**CONFIRM: log(ratio) is the width in log n.
    narrows = confirmed.ratio**CONFIRM < evidence.fit.ratio
    return _seeds_by_size(implied) if narrows else {}


def choose(evidence: Evidence, options: Mapping[int, Sequence[int]]) -> Trial:
    """Return the trial, one of `options`, that divides the unknown most evenly."""
    size = _choose_size(evidence, options)
    # Ties go to the first seed of the setting, so that a resumed search repeats itself.
    attempts = Counter(trial.seed for trial in (*evidence.reports, *evidence.running))
    seed = min(options[size], key=lambda seed: attempts[seed])
    return Trial(evidence.setting.axes, size, seed)


def _bounds(evidence: Evidence) -> tuple[dict[int, int], dict[int, int]]:
    """Return, by seed, the largest size that failed and the smallest that did not."""
    fails_at: dict[int, int] = {}
    generalises_at: dict[int, int] = {}
    reported = (report.training for report in evidence.reports.values())
    for training in (*evidence.prior.values(), *reported):
        size, seed = training.size, training.seed
        if training.generalised:
            generalises_at[seed] = min(size, generalises_at.get(seed, size))
        elif training.decided:
            fails_at[seed] = max(size, fails_at.get(seed, size))
    return fails_at, generalises_at


def _untried(evidence: Evidence) -> Iterator[Trial]:
    """Yield the trials near the interval that neither run nor have an outcome."""
    for size in evidence.nearby_sizes():
        for seed in evidence.setting.seeds:
            trial = Trial(evidence.setting.axes, size, seed)
            report = evidence.reports.get(trial)
            decided = report is not None and report.training.decided
            if not (decided or trial in evidence.running or trial in evidence.failures):
                yield trial


def _seeds_by_size(trials: Iterable[Trial | Training]) -> dict[int, list[int]]:
    seeds: dict[int, list[int]] = {}
    for trial in trials:
        seeds.setdefault(trial.size, []).append(trial.seed)
    return seeds


def _choose_size(evidence: Evidence, sizes: Iterable[int]) -> int:
    """Return the size farthest, in probability, from both ends and running trials."""
    # The distance of two sizes: how probably the median lies between them.
    below = evidence.probability_below()
    centrality = {size: min(below[size], 1 - below[size]) for size in sizes}
    running = Counter(trial.size for trial in evidence.running)
    parts = {}
    for size, distance in centrality.items():
        distances = [abs(below[size] - below[other]) for other in running]
        parts[size] = min([distance, *distances])
    size = max(parts, key=lambda size: parts[size])
    if parts[size] >= FINE:
        return size
    # Fine enough: a further seed at a central size where few are running.
    return max(centrality, key=lambda size: centrality[size] / (1 + running[size]))
