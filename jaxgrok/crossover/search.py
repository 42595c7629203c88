"""Crossover search: which trainings to make next, and which to stop.

Every bracket, one setting, looks for the size at which half of its seeds generalise.
Free lanes cut what a bracket does not know yet into so many parts (k-ary section, k
being what the lanes allow), and go on with other seeds where it is cut fine enough. A
training that can no longer change its bracket's answer is given up. Knows no training:
it is handed an `evaluate` function.

    >>> findings = find(brackets, evaluate, width=1.25)
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxgrok.crossover.threshold_fit import Fit, Threshold, Training, spacing

FINE = 1 / 8
"""A part of a bracket's probability that is not cut further while others are."""
CONFIRM = 1.5
"""How much narrower, in log n, an interval must become to train what follows anyway."""


@dataclasses.dataclass(frozen=True)
class Bracket:
    """One setting to search.

    name: what tells it apart.
    sizes: candidate training-set sizes, in increasing order, at least two.
    seeds: seeds to train, at least two.
    steps: budget of a training.
    known: trainings made elsewhere, at any sizes.
    """

    name: Hashable
    sizes: Sequence[int]
    seeds: Sequence[int]
    steps: int
    known: Sequence[Training] = ()


class Trial(NamedTuple):
    """A training to make: the name of its bracket, its size and its seed."""

    bracket: Hashable
    size: int
    seed: int


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a bracket's search ended with.

    outcome: found, every size generalises, no size generalises, budget spent, or open
        where the search was not made to its end.
    estimate, low, high: the crossover size and its 95% interval, in examples; None
        where the sizes at hand do not bound it.
    steps: the budget of a training, without which "no size" means nothing.
    trainings, stopped: how many were made, and how many of them were given up.
    lane_steps: what they took; `saved` is what those stopped had left of their budgets.
    advice: what to change, where the answer is not what was asked for.
    """

    bracket: Hashable
    outcome: str
    estimate: float | None
    low: float | None
    high: float | None
    steps: int
    trainings: int
    stopped: int
    lane_steps: int
    saved: int
    advice: str


class Search:
    """All brackets at work. `take` what to train, `tell` how it ended.

    Args:
        brackets: what to search.
        width: ratio of an interval's ends at which its bracket is done, above 1.
        budget: lane-steps that may be spent in all; None for no limit.
    """

    def __init__(
        self, brackets: Sequence[Bracket], *, width: float, budget: int | None = None
    ) -> None:
        if not 1 < width < math.inf:
            raise ValueError(f"width={width} is not allowed; it must be above 1")
        if budget is not None and budget < 1:
            raise ValueError(f"budget={budget} must be at least 1")
        self._states = {b.name: _State(b, width) for b in brackets}
        self._budget = math.inf if budget is None else budget

    @property
    def spent(self) -> int:
        """Lane-steps made so far."""
        return sum(state.spent for state in self._states.values())

    def take(self, free: int, among: Iterable[Hashable] | None = None) -> list[Trial]:
        """What to train next, at most `free` trials; they count as running.

        `among` are the names of the brackets to look at: all by default.
        """
        taken: list[Trial] = []
        names = self._states if among is None else among
        states = [self._states[name] for name in names]
        while len(taken) < free and (ready := self._ready(states)):
            state = min(ready, key=lambda s: (len(s.running), -s.fit.ratio))
            taken.append(state.next())
        return taken

    def waiting(self, among: Iterable[Hashable]) -> bool:
        """Whether `take` would give anything of some brackets."""
        return bool(self._ready(self._states[name] for name in among))

    def _ready(self, states: Iterable["_State"]) -> list["_State"]:
        """The brackets that need another trial, while the budget lasts."""
        if self.spent >= self._budget:
            return []
        return [s for s in states if not s.closed and s.options()]

    def started(self, trial: Trial) -> None:
        """Count a trial as running that was not taken here, but before a pause."""
        self._states[trial.bracket].start(trial)

    def tell(self, trial: Trial, *, generalised: bool, steps: int, over: bool) -> None:
        """How a training ended: whether it generalised, and after how many steps.

        over: whether that is the last word; False for one that was stopped before.
        """
        self._states[trial.bracket].end(trial, generalised, steps, over)

    def forget(self, trial: Trial) -> None:
        """A training that failed for reasons of its own: it is not made again."""
        self._states[trial.bracket].lose(trial)

    def needless(self, steps: Mapping[Trial, int]) -> dict[Trial, str]:
        """Running trials to stop, and why, given the steps that each has made.

        They are over for this search: there is no need to `tell`.
        """
        for trial, made in steps.items():
            self._states[trial.bracket].move(trial, made)
        found: dict[Trial, str] = {}
        spent = self.spent >= self._budget
        for state in self._states.values():
            # Until nothing changes: asked again, it has no more to say.
            while causes := state.needless(spent):
                found |= causes
                for trial in causes:
                    state.end(trial, False, state.running[trial], False)
        return found

    def findings(self) -> list[Finding]:
        """What is known of every bracket."""
        spent = self.spent >= self._budget
        return [state.finding(spent) for state in self._states.values()]


def find(
    brackets: Sequence[Bracket],
    evaluate: Callable[[Search], None],
    *,
    width: float,
    budget: int | None = None,
) -> list[Finding]:
    """Search brackets: `evaluate` trains what the search takes, until it takes nothing.

    While it trains, it may ask which trials are `needless`; it `tell`s of every other.
    """
    search = Search(brackets, width=width, budget=budget)
    evaluate(search)
    return search.findings()


class _State:
    """One bracket: what was told, what runs, and the fit to it."""

    def __init__(self, bracket: Bracket, width: float) -> None:
        self.bracket, self.width = bracket, width
        # One training a size and seed, the one that was watched longest.
        self._known: dict[Trial, Training] = {}
        for training in sorted(bracket.known, key=lambda t: (t.generalised, t.seen)):
            trial = Trial(bracket.name, training.size, training.seed)
            self._known[trial] = training
        lattice = sorted({trial.size for trial in self._known} | set(bracket.sizes))
        self.model = Threshold(lattice, spacing(bracket.sizes))
        self._place = [lattice.index(size) for size in bracket.sizes]
        self.running: dict[Trial, int] = {}
        self._told: dict[Trial, tuple[Training, int]] = {}
        self._lost: set[Trial] = set()
        self._again = 0
        self._fit: Fit | None = None
        self._options: dict[int, list[int]] | None = None

    @property
    def spent(self) -> int:
        told = sum(steps for _, steps in self._told.values())
        return told + sum(self.running.values()) + self._again

    @property
    def fit(self) -> Fit:
        """The fit to what was told, and to how far running ones have come."""
        if self._fit is None:
            self._fit = self.model.fit(self._evidence())
        return self._fit

    def _evidence(self) -> list[Training]:
        told = [training for training, _ in self._told.values()]
        far = [self._far(t, steps) for t, steps in self.running.items() if steps]
        # Sorted, so that a sum is the same to the last bit after a pause.
        known = [t for trial, t in self._known.items() if trial not in self._told]
        return sorted([*known, *told, *far])

    def _far(self, trial: Trial, steps: int) -> Training:
        """A training that had not generalised by a step, in a budget of `steps`."""
        seen = min(steps / self.bracket.steps, 1.0)
        return Training(trial.size, trial.seed, False, seen)

    def start(self, trial: Trial) -> None:
        # One that was stopped and is wanted after all starts anew.
        self._again += self._told.pop(trial, (None, 0))[1]
        self.running[trial] = 0
        self._forget()

    def _forget(self) -> None:
        self._fit = self._options = None

    def move(self, trial: Trial, steps: int) -> None:
        if self.running[trial] != steps:
            self.running[trial] = steps
            self._forget()

    def end(self, trial: Trial, generalised: bool, steps: int, over: bool) -> None:
        self.running.pop(trial, None)
        seen = 1.0 if over else self._far(trial, steps).seen
        training = Training(trial.size, trial.seed, generalised, seen)
        self._told[trial] = training, steps
        self._forget()

    def lose(self, trial: Trial) -> None:
        self.running.pop(trial, None)
        self._lost.add(trial)
        self._forget()

    @property
    def _edge(self) -> str:
        """What is certain of a median outside all sizes; empty inside."""
        fit, sizes = self.fit, self.bracket.sizes
        if fit.high <= sizes[0] * (1 + 1e-9):
            return "every size generalises"
        if fit.low >= sizes[-1] * (1 - 1e-9):
            return "no size generalises"
        return ""

    @property
    def closed(self) -> bool:
        """Whether the answer is as good as asked for, or as it can get."""
        if self.fit.ratio <= self.width or self._edge:
            return True
        return not self.running and not self.options()

    def options(self) -> dict[int, list[int]]:
        """Sizes near the interval, and at each the seeds that are not known there.

        Where all are known, those whose outcome only follows from that of other sizes,
        if the interval would be much narrower with them.
        """
        if self._options is None:
            self._options = self._find_options()
        return self._options

    def _find_options(self) -> dict[int, list[int]]:
        # Of each seed: the least size that generalised, the most that did not.
        least: dict[int, int] = {}
        most: dict[int, int] = {}
        told = (training for training, _ in self._told.values())
        for training in (*self._known.values(), *told):
            size, seed = training.size, training.seed
            if training.generalised:
                least[seed] = min(size, least.get(seed, size))
            elif _over(training):
                most[seed] = max(size, most.get(seed, size))
        settled = {t for t, (training, _) in self._told.items() if _over(training)}
        found: dict[int, list[int]] = {}
        follows: dict[int, list[int]] = {}
        implied = []
        for size in self._near():
            for seed in self.bracket.seeds:
                trial = Trial(self.bracket.name, size, seed)
                if trial in self._lost or trial in self.running or trial in settled:
                    continue
                if most.get(seed, 0) < size < least.get(seed, math.inf):
                    found.setdefault(size, []).append(seed)
                else:
                    follows.setdefault(size, []).append(seed)
                    good = size >= least.get(seed, math.inf)
                    implied.append(Training(size, seed, good))
        if found or not implied:
            return found
        # What follows from other trainings confirms them: worth it where it narrows.
        sure = self.model.fit([*self._evidence(), *implied])
        return follows if sure.ratio**CONFIRM < self.fit.ratio else {}

    def _near(self) -> Sequence[int]:
        """Sizes inside the interval, and the next one on either side."""
        sizes = np.array(self.bracket.sizes)
        low, high = self.fit.low, self.fit.high
        first = int(np.searchsorted(sizes, low, side="left"))
        last = int(np.searchsorted(sizes, high, side="right"))
        return self.bracket.sizes[max(first - 1, 0) : last + 1]

    def next(self) -> Trial:
        """The trial that cuts what is not known best; it counts as running."""
        options = self.options()
        below = dict(zip(self.bracket.sizes, self.fit.below[self._place], strict=True))
        middling = {size: min(below[size], 1 - below[size]) for size in options}
        count = Counter(trial.size for trial in self.running)
        parts = {
            size: min(m, *(abs(below[size] - below[cut]) for cut in count), 1)
            for size, m in middling.items()
        }
        size = max(parts, key=lambda size: parts[size])
        if parts[size] < FINE:
            size = max(middling, key=lambda size: middling[size] / (1 + count[size]))
        tried = Counter(trial.seed for trial in (*self._told, *self.running))
        seed = min(options[size], key=lambda seed: tried[seed])
        trial = Trial(self.bracket.name, size, seed)
        self.start(trial)
        return trial

    def needless(self, spent: bool) -> dict[Trial, str]:
        """Running trials that can no longer change the answer, and why.

        All of them if the budget is spent.
        """
        if spent or not self.running:
            return dict.fromkeys(self.running, "the budget is spent")
        if self.closed:
            return dict.fromkeys(self.running, f"answered: {self.words()}")
        near = self._near()
        found: dict[Trial, str] = {}
        for trial, steps in list(self.running.items()):
            if near[0] <= trial.size <= near[-1]:
                continue
            if self._indifferent(trial, steps):
                found[trial] = f"far from the crossover: {self.words()}"
        return found

    def _indifferent(self, trial: Trial, steps: int) -> bool:
        """Whether neither end of a trial would move the interval by half a size."""
        others = self._evidence()
        if steps:
            others.remove(self._far(trial, steps))
        gap = math.exp(np.diff(np.log(self.bracket.sizes)).min() / 2)
        for generalised in (True, False):
            fit = self.model.fit(
                [*others, Training(trial.size, trial.seed, generalised)]
            )
            for one, other in ((fit.low, self.fit.low), (fit.high, self.fit.high)):
                if one != other and not 1 / gap < one / (other or math.nan) < gap:
                    return False
        return True

    def words(self) -> str:
        """The interval in words."""
        low = f"{self.fit.low:.0f}" if self.fit.low else "…"
        high = f"{self.fit.high:.0f}" if self.fit.high < math.inf else "…"
        return f"half of the seeds generalise at {low} to {high} examples"

    def finding(self, spent: bool) -> Finding:
        fit, sizes = self.fit, self.bracket.sizes
        if not self.closed:
            outcome, advice = "open", "more trainings would narrow it"
            if spent:
                outcome, advice = "budget spent", "a larger budget goes on from here"
        elif not fit.low and fit.high == math.inf:
            outcome, advice = "open", "more seeds would bound it"
            if self._lost:
                advice = f"{len(self._lost)} trainings failed, see cells.csv"
        elif self._edge == "every size generalises" or fit.estimate < sizes[0]:
            outcome, advice = "every size generalises", f"take sizes below {sizes[0]}"
        elif self._edge or fit.estimate > sizes[-1]:
            outcome = "no size generalises"
            advice = (
                f"take sizes above {sizes[-1]}, or more than {self.bracket.steps:,} "
                "steps"
            )
        else:
            outcome, advice = "found", ""
            if not fit.low or fit.high / fit.low > self.width:
                fine = len(self._near()) <= 4
                what = "finer sizes" if fine else "more seeds"
                advice = f"wider than {self.width:g}: give it {what}"
        told = self._told.values()
        over = [steps for training, steps in told if training.seen < 1]
        inside = outcome in ("found", "budget spent", "open")
        return Finding(
            bracket=self.bracket.name,
            outcome=outcome,
            estimate=fit.estimate if inside else None,
            low=fit.low or None,
            high=fit.high if fit.high < math.inf else None,
            steps=self.bracket.steps,
            trainings=len(told),
            stopped=len(over),
            lane_steps=self.spent,
            saved=sum(self.bracket.steps - steps for steps in over),
            advice=advice,
        )


def _over(training: Training) -> bool:
    """Whether an outcome is known, and not that of one that was stopped."""
    return training.generalised or training.seen == 1
