"""Run a grid: a coordinator decides what to train, workers train it.

>>> dataset = jaxgrok.sweep.run.run(config, out="runs/mine")
"""
