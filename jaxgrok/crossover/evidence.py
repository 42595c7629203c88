"""What is known about one setting: trainings reported, trainings running, and the fit.

Evidence never changes: every event gives a new one.

>>> evidence = Evidence.initial(setting).start(trial)
>>> evidence = evidence.report(trial, generalised=True, steps=1_200)
>>> evidence.fit.low, evidence.fit.high
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from jaxgrok.crossover.settings import Setting, Trial
from jaxgrok.crossover.threshold_fit import Fit, Threshold, Training, spacing


class Report(NamedTuple):
    """How a trial ended.

    Attributes:
        training: its result.
        steps: steps it made.
    """

    training: Training
    steps: int


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """All that a search knows about one setting.

    Attributes:
        setting: what is searched.
        model: the threshold model over the setting's sizes and those of `prior`.
        prior: trainings from other runs, one per size and seed.
        reports: trials that ended or were stopped.
        running: trials that are training, and the steps that each has made.
        failures: trials that failed; they are not tried again and say nothing.
        repeated_steps: steps of stopped trials that were started anew.
    """

    setting: Setting
    model: Threshold
    prior: Mapping[Trial, Training]
    reports: Mapping[Trial, Report] = dataclasses.field(default_factory=dict)
    running: Mapping[Trial, int] = dataclasses.field(default_factory=dict)
    failures: frozenset[Trial] = frozenset()
    repeated_steps: int = 0

    @classmethod
    def initial(cls, setting: Setting) -> Self:
        """Return the evidence before the first trial of a setting."""
        prior: dict[Trial, Training] = {}
        # Of two trainings of one trial, the one that generalised or ran longer comes
        # last and stays.
        for training in sorted(setting.prior, key=lambda t: (t.generalised, t.share)):
            prior[Trial(setting.axes, training.size, training.seed)] = training
        lattice = sorted({trial.size for trial in prior} | set(setting.sizes))
        return cls(setting, Threshold(lattice, spacing(setting.sizes)), prior)

    def start(self, trial: Trial) -> Self:
        """Add a running trial; one that was stopped before starts from step 0."""
        reports = dict(self.reports)
        stopped = reports.pop(trial, None)
        # Its steps were spent all the same: they count against the budget.
        repeated = stopped.steps if stopped else 0
        return dataclasses.replace(
            self,
            reports=reports,
            running={**self.running, trial: 0},
            repeated_steps=self.repeated_steps + repeated,
        )

    def advance(self, steps: Mapping[Trial, int]) -> Self:
        """Take note of the steps that running trials have made."""
        running = {**self.running, **steps}
        if running == self.running:
            return self  # and keep its fit
        return dataclasses.replace(self, running=running)

    def report(
        self, trial: Trial, *, generalised: bool, steps: int, stopped: bool = False
    ) -> Self:
        """Add how a trial ended; `stopped` if its budget was cut short."""
        share = self._budget_share(steps) if stopped else 1.0
        training = Training(trial.size, trial.seed, generalised, share)
        return dataclasses.replace(
            self,
            reports={**self.reports, trial: Report(training, steps)},
            running=self._running_without(trial),
        )

    def fail(self, trial: Trial) -> Self:
        """Give up a trial that failed."""
        return dataclasses.replace(
            self,
            running=self._running_without(trial),
            failures=self.failures | {trial},
        )

    @property
    def lane_steps(self) -> int:
        """Steps made for this setting, repeated ones included."""
        reported = sum(report.steps for report in self.reports.values())
        return reported + sum(self.running.values()) + self.repeated_steps

    @functools.cached_property
    def fit(self) -> Fit:
        """The fit to the trainings reported, and to the running ones as far as seen."""
        return self.model.fit(self.trainings())

    def trainings(self, without: Trial | None = None) -> list[Training]:
        """Return what the fit is made of, in order, leaving out a running trial."""
        # A trial made here replaces the same one from another run.
        prior = [t for trial, t in self.prior.items() if trial not in self.reports]
        reported = [report.training for report in self.reports.values()]
        running = []
        for trial, steps in self.running.items():
            # A running trial counts like one that was stopped now; at step 0 it says
            # nothing.
            if steps and trial != without:
                share = self._budget_share(steps)
                running.append(Training(trial.size, trial.seed, False, share))
        # Sorted, so that floating-point sums are the same bits after a pause.
        return sorted([*prior, *reported, *running])

    def nearby_sizes(self) -> Sequence[int]:
        """Return the sizes inside the interval, and the next one on either side."""
        sizes = np.array(self.setting.sizes)
        # sizes[first:last] lie inside; the slice adds a size at either end.
        first = int(np.searchsorted(sizes, self.fit.low, side="left"))
        last = int(np.searchsorted(sizes, self.fit.high, side="right"))
        return self.setting.sizes[max(first - 1, 0) : last + 1]

    def probability_below(self) -> dict[int, float]:
        """Return the probability that the crossover is at most each size."""
        # The model's lattice also holds the sizes of trainings from other runs.
        indices = [self.model.index(size) for size in self.setting.sizes]
        return dict(zip(self.setting.sizes, self.fit.below[indices], strict=True))

    def _budget_share(self, steps: int) -> float:
        """Return the share of the budget that so many steps are."""
        return min(steps / self.setting.steps, 1.0)

    def _running_without(self, trial: Trial) -> dict[Trial, int]:
        """Return the other running trials and their steps."""
        return {t: steps for t, steps in self.running.items() if t != trial}
