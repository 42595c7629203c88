"""From a run directory to the circuits and heads of its networks."""
