"""Weights in and out: the files of other programs, and TransformerLens' names."""
