"""Fourier bases, spectra and key frequencies, for NumPy and inside jit."""
