"""Compare methods of training: which of them groks sooner, paired by seed.

>>> frame = jaxgrok.compare("runs/mine", baseline="optimiser=adamw")
"""
