"""The files of a run directory, each kind written and read in one place."""
