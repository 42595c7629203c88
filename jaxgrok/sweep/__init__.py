"""Train every cell of a grid into a run directory."""
