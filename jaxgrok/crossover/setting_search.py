"""The search of one setting: its evidence, and the decisions that follow from it.

>>> search = SettingSearch(setting, width=1.25)
>>> trial = search.take()
"""

from collections.abc import Mapping

from jaxgrok.crossover import choice
from jaxgrok.crossover.evidence import Evidence
from jaxgrok.crossover.settings import Setting, Trial
from jaxgrok.crossover.stopping import Stop, answered, stop
from jaxgrok.crossover.verdict import Finding, verdict


class SettingSearch:
    """The search of one setting.

    Attributes:
        setting: what is searched.
        width: ratio of the interval's ends to stop at.
        evidence: what is known so far; assign to it to add to it.
    """

    def __init__(self, setting: Setting, width: float) -> None:
        self.setting, self.width = setting, width
        self._evidence = Evidence.initial(setting)
        self._options: Mapping[int, list[int]] | None = None

    @property
    def evidence(self) -> Evidence:
        """What is known so far."""
        return self._evidence

    @evidence.setter
    def evidence(self, evidence: Evidence) -> None:
        if evidence is not self._evidence:
            self._evidence, self._options = evidence, None

    @property
    def options(self) -> Mapping[int, list[int]]:
        """Sizes worth training, and the seeds for each."""
        if self._options is None:
            self._options = choice.options(self.evidence)
        return self._options

    @property
    def closed(self) -> bool:
        """Whether the answer is as good as asked for, or as it can get."""
        if answered(self.evidence, self.width):
            return True
        # A running trial may still move the interval, and make others worth training.
        return not self.evidence.running and not self.options

    @property
    def waiting(self) -> bool:
        """Whether there is a trial to train now."""
        return not self.closed and bool(self.options)

    def take(self) -> Trial:
        """Return the next trial and count it as running."""
        trial = choice.choose(self.evidence, self.options)
        self.evidence = self.evidence.start(trial)
        return trial

    def stop(self, spent: bool) -> dict[Trial, Stop]:
        """Return running trials that are not needed, and count them as stopped."""
        stops: dict[Trial, Stop] = {}
        # What a stopped trial has shown changes the fit: ask until nothing is left.
        while batch := stop(self.evidence, self.width, spent=spent):
            stops |= batch
            for trial in batch:
                self.evidence = self.evidence.report(
                    trial,
                    generalised=False,
                    steps=self.evidence.running[trial],
                    stopped=True,
                )
        return stops

    def finding(self, spent: bool) -> Finding:
        """Return what is known of the setting."""
        return verdict(self.evidence, self.width, closed=self.closed, spent=spent)
