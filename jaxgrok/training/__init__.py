"""One training inside jit: its setup, examples, losses, optimisers and records."""
