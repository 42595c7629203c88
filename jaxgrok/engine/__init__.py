"""Many lanes on the devices of one machine.

>>> engine = build(setup, block_width=4, cells=72, blocks=None)
"""
