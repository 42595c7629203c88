"""Fourier bases, spectra and key frequencies of functions on the integers modulo n.

Everything is written over the array namespace: NumPy in, NumPy out, in float64 on the
host; inside jit, `jax.numpy`.

>>> component_norms(W_E)                              # [n], one per sine or cosine
"""
