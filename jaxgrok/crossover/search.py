"""The search of all settings at once: what to train, what to stop, what was found.

Every setting looks for the size at which half of its seeds generalise. Free lanes go to
the setting with the fewest running trials. The search trains nothing itself.

>>> search = Search(settings, width=1.25)
>>> trials = search.take(lanes)
>>> search.report(trials[0], generalised=True, steps=1_200)
>>> search.findings()
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from jaxgrok.crossover.setting_search import SettingSearch
from jaxgrok.crossover.settings import Axes, Setting, Trial
from jaxgrok.crossover.stopping import Stop
from jaxgrok.crossover.verdict import Finding


class Search:
    """A search over settings: take trials, then report how each of them ended.

    Args:
        settings: what to search.
        width: ratio of an interval's ends at which its setting is done, above 1.
        budget: lane-steps that may be spent in all; None for no limit.

    Raises:
        ValueError: width or budget makes no sense.
    """

    def __init__(
        self, settings: Sequence[Setting], *, width: float, budget: int | None = None
    ) -> None:
        if not 1 < width < math.inf:
            raise ValueError(f"width={width} must be above 1, and finite; try 1.25")
        if budget is not None and budget < 1:
            raise ValueError(f"budget={budget} must be at least 1; leave it out")
        self.settings, self.width = settings, width
        self._searches = {s.axes: SettingSearch(s, width) for s in settings}
        self._budget = math.inf if budget is None else budget

    @property
    def lane_steps(self) -> int:
        """Steps made so far, of all lanes together."""
        return sum(search.evidence.lane_steps for search in self._searches.values())

    @property
    def spent(self) -> bool:
        """Whether the budget is used up."""
        return self.lane_steps >= self._budget

    def waiting(self, candidates: Iterable[Axes]) -> bool:
        """Return whether any of these settings has a trial to train now."""
        return not self.spent and bool(self._waiting_searches(candidates))

    def take(self, free: int, candidates: Iterable[Axes] | None = None) -> list[Trial]:
        """Return trials to train next; they count as running.

        Args:
            free: how many to return at most.
            candidates: axes of the settings to choose from; all by default.
        """
        if candidates is None:
            candidates = self._searches
        axes = list(candidates)
        # One at a time: each trial changes what the next one should be.
        trials: list[Trial] = []
        while len(trials) < free and not self.spent:
            searches = self._waiting_searches(axes)
            if not searches:
                break
            trials.append(min(searches, key=_priority).take())
        return trials

    def start(self, trial: Trial) -> None:
        """Count a trial as running that was taken before a pause."""
        search = self._searches[trial.axes]
        search.evidence = search.evidence.start(trial)

    def report(
        self, trial: Trial, *, generalised: bool, steps: int, stopped: bool = False
    ) -> None:
        """Report how a trial ended.

        Args:
            trial: which one.
            generalised: whether it did.
            steps: steps it made.
            stopped: whether it was stopped before its budget was over.
        """
        search = self._searches[trial.axes]
        search.evidence = search.evidence.report(
            trial, generalised=generalised, steps=steps, stopped=stopped
        )

    def fail(self, trial: Trial) -> None:
        """Give up a trial that failed: it is not tried again."""
        search = self._searches[trial.axes]
        search.evidence = search.evidence.fail(trial)

    def needless(self, steps: Mapping[Trial, int]) -> dict[Trial, Stop]:
        """Return the running trials to stop, given the steps that each has made.

        They count as stopped: there is no need to report them.
        """
        progress: dict[Axes, dict[Trial, int]] = {}
        for trial, count in steps.items():
            progress.setdefault(trial.axes, {})[trial] = count
        for axes, counts in progress.items():
            search = self._searches[axes]
            search.evidence = search.evidence.advance(counts)
        # Stopping a trial gives none of its lane-steps back: one look is enough.
        spent = self.spent
        stops: dict[Trial, Stop] = {}
        for search in self._searches.values():
            stops |= search.stop(spent)
        return stops

    def findings(self) -> list[Finding]:
        """Return what is known of every setting."""
        spent = self.spent
        return [search.finding(spent) for search in self._searches.values()]

    def _waiting_searches(self, candidates: Iterable[Axes]) -> list[SettingSearch]:
        """Return the searches that have a trial to train now."""
        searches = [self._searches[axes] for axes in candidates]
        return [search for search in searches if search.waiting]


def _priority(search: SettingSearch) -> tuple[int, float]:
    """Return the order of settings: fewest running trials, then widest interval."""
    return len(search.evidence.running), -search.evidence.fit.ratio
