"""Compiled kernels, and a NumPy twin of each that the tests hold them against."""
