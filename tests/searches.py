"""Crossover searches whose trainings cost nothing, and crossovers planted in them."""

import math

import numpy as np

import tiny
from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import Setting

STEPS = 3_000
EVERY = 500
SIZES = tuple(round(n) for n in np.geomspace(100, 2_000, 32))
SPACING = math.log(SIZES[-1] / SIZES[0]) / (len(SIZES) - 1)
SEEDS = (0, 1, 2, 3, 4)
AXES = (("weight_decay", 1.0),)
SETTING = Setting(AXES, SIZES, SEEDS, STEPS)


class Trainer:
    """Trains in so many lanes, in step; `grok_step(trial)` is None for never."""

    def __init__(self, grok_step, lanes):
        self.grok_step, self.lanes = grok_step, lanes
        self.steps, self.stops = {}, {}
        """Of every trial that is over: its steps, and why it was stopped, if it was."""
        self.idle_lanes = self.repeated_steps = 0

    def train(self, search):
        """Train what a search asks for until it asks for nothing."""
        running = {}
        while True:
            for trial, stop in search.needless(running).items():
                self.stops[trial] = stop
                self.steps[trial] = running.pop(trial)
            for trial in search.take(self.lanes - len(running)):
                assert trial not in running
                # What was stopped may be wanted after all, and is trained again.
                assert trial not in self.steps or self.stops.pop(trial)
                self.repeated_steps += self.steps.pop(trial, 0)
                running[trial] = 0
            if not running:
                return
            self.idle_lanes += self.lanes - len(running)
            for trial in list(running):
                self._advance(search, running, trial)

    def report_again(self, search):
        """Report all that was trained to another search, as a run directory would."""
        for trial, steps in self.steps.items():
            stopped = trial in self.stops
            generalised = not stopped and self.grok_step(trial) is not None
            search.report(trial, generalised=generalised, steps=steps, stopped=stopped)

    def _advance(self, search, running, trial):
        running[trial] += EVERY
        step = self.grok_step(trial)
        generalised = step is not None and step <= running[trial]
        if generalised or running[trial] >= STEPS:
            self.steps[trial] = running.pop(trial)
            search.report(trial, generalised=generalised, steps=self.steps[trial])


def find(settings, trainer, *, width=1.25, budget=None):
    """Search settings with a trainer; the findings."""
    search = Search(settings, width=width, budget=budget)
    trainer.train(search)
    return search.findings()


def planted(kind, seed):
    """A crossover, and grok steps around it: early far above, late close to it."""
    rng = np.random.default_rng(seed)
    edges = {"bottom": (100, 110), "top": (1_810, 2_000)}
    crossover = np.exp(rng.uniform(*np.log(edges.get(kind, (150, 1_400)))))
    thresholds = dict.fromkeys(SEEDS, crossover)
    if kind == "spread":
        for s in SEEDS:
            thresholds[s] = crossover * np.exp(rng.logistic(0, 1.5 * SPACING))
    odd_seed = rng.integers(len(SEEDS)) if kind == "odd" else None
    steps = {}

    def grok_step(trial):
        if trial not in steps:
            distance = math.log(trial.size / thresholds[trial.seed])
            generalises = distance >= 0
            if kind == "noisy":
                generalises = rng.random() < 1 / (1 + math.exp(-distance / SPACING))
            if trial.seed == odd_seed and rng.random() < 0.3:
                generalises = not generalises
            delay = math.exp(-1.5 * abs(distance)) * rng.uniform(0.3, 1)
            steps[trial] = math.ceil(STEPS * delay) if generalises else None
        return steps[trial]

    return crossover, grok_step


TINY = {
    "weight_decay": (0.0, 0.1),
    "train_fraction": (),
    "n_train": tuple(range(6, 46, 3)),
    "seed": (0, 1, 2, 3),
    "learning_rate": (3e-2,),
    "steps": (120,),
    # Twice what guessing gives: the largest sizes pass, the smallest do not.
    "accuracy_threshold": 0.25,
    "hold": 1,
}
"""Fields of a grid whose real trainings have a crossover after a blink."""
WIDTH = 4.0
"""Ratio of an interval's ends that a search of that grid reaches."""


def config(**fields):
    """That grid; `fields` override."""
    return tiny.config(**(TINY | fields))
