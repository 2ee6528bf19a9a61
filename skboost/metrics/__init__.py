"""Measures of how well predictions agree with what happened."""
