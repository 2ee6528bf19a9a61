"""Prediction intervals, sets and distributions with guarantees, for any estimator."""
