"""A small sweep, a stop after some steps, and whether two run directories agree."""

import xarray as xr

from jaxgrok.results.dataset import Rows
from jaxgrok.results.run import load

FIELDS = {"seed": (0, 1, 2), "weight_decay": (0.0, 1.0), "train_fraction": (0.4, 0.9)}


def same(found, want):
    """The table's bytes and every array of two run directories."""
    tables = [(path / "cells.csv").read_bytes() for path in (found, want)]
    assert tables[0] == tables[1]
    xr.testing.assert_identical(*(load(path).drop_attrs() for path in (found, want)))


def assembled(directory, ledger):
    """Do what `figures.redraw` does, but draw nothing and write no page."""
    return directory.assemble(Rows(ledger.rows(), ledger.component_rows()))


class StopAfter:
    """Stands for the user's Ctrl-C: set once it was asked so many times."""

    exit_code = 130

    def __init__(self, asked):
        self.left = asked

    def is_set(self):
        self.left -= 1
        return self.left < 0

    def broken_off(self, job):
        return job()
