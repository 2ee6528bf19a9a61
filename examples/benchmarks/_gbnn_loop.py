"""Gradient boosting of one-neuron networks as published: a plain loop around MLPRegressor.

The yardstick for speed and accuracy: constant start, pseudo-residuals on all rows, one small
network fitted by least squares to a random part of them with L-BFGS, one Newton step for the
network's weight. It keeps the published choices, also those that cost accuracy: for more than two
classes the start is zero instead of the log-priors, the step uses the diagonal of the softmax
Hessian only, and nothing bounds the step.

References
----------
S. Emami and G. Martinez-Munoz, "Sequential training of neural networks with gradient boosting",
IEEE Access 11, 42738-42750, 2023.
"""

import numpy as np
from scipy.special import expit, softmax
from sklearn.neural_network import MLPRegressor


class PlainBoostedNetwork:
    """Boosted networks, ``F <- F + eta * rho * h``, for regression and classification.

    Parameters
    ----------
    task : {"regression", "classification"}
    n_steps, units, eta, subsample : steps, neurons a step, shrinkage, part of the rows a step
    max_iter : iterations of L-BFGS a step
    seed : int
    """

    def __init__(self, task, n_steps=200, units=1, eta=0.1, subsample=0.5, max_iter=200, seed=0):
        self.task, self.n_steps, self.units, self.eta = task, n_steps, units, eta
        self.subsample, self.max_iter, self.seed = subsample, max_iter, seed

    def fit(self, X, y):
        """Fit; ``y`` holds floats or class codes 0..K-1."""
        n_classes = 0 if self.task == "regression" else int(y.max()) + 1
        if self.task == "regression":
            parts, target, self.start = _Squared, y.astype(float), float(np.mean(y))
        elif n_classes == 2:
            parts, target = _Binary, 2.0 * y - 1.0
            mean = target.mean()
            self.start = 0.5 * np.log((1.0 + mean) / (1.0 - mean))
        else:
            parts, target, self.start = _Softmax, np.eye(n_classes)[y], np.zeros(n_classes)
        self.link = parts.link
        random = np.random.RandomState(self.seed)
        raw = np.zeros(target.shape) + self.start
        size = int(self.subsample * len(y))
        self.steps = []
        for _ in range(self.n_steps):
            residual = parts.residual(target, raw)
            rows = random.permutation(len(y))[:size]
            network = MLPRegressor(
                hidden_layer_sizes=(self.units,),
                activation="logistic",
                solver="lbfgs",
                max_iter=self.max_iter,
                n_iter_no_change=self.max_iter,
                tol=0.0,
                random_state=random,
            ).fit(X[rows], residual[rows])
            output = network.predict(X)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = self.eta * parts.step(target, raw, residual, output)
            raw = raw + step * output
            self.steps.append((step, network))
        return self

    def decision_function(self, X):
        """Raw score: (n,) or (n, K)."""
        raw = self.start
        for step, network in self.steps:
            raw = raw + step * network.predict(X)
        return raw

    def predict(self, X):
        """Regression: the mean."""
        return self.decision_function(X)

    def predict_proba(self, X):
        """Classification: probabilities (n, K)."""
        return self.link(self.decision_function(X))


class _Squared:
    """L = (y - F)^2 / 2."""

    link = None

    @staticmethod
    def residual(y, raw):
        return y - raw

    @staticmethod
    def step(y, raw, residual, output):
        return 1.0


class _Binary:
    """L = ln(1 + exp(-2 y F)) with y = -1 or 1: F is half the log-odds."""

    @staticmethod
    def link(raw):
        positive = expit(2.0 * raw)
        return np.column_stack([1.0 - positive, positive])

    @staticmethod
    def residual(y, raw):
        return 2.0 * y * expit(-2.0 * y * raw)

    @staticmethod
    def step(y, raw, residual, output):
        curvature = residual * (2.0 * y - residual)
        return (residual @ output) / (curvature @ output**2)


class _Softmax:
    """Cross-entropy of softmax(F)."""

    @staticmethod
    def link(raw):
        return softmax(raw, axis=1)

    @staticmethod
    def residual(y, raw):
        return y - softmax(raw, axis=1)

    @staticmethod
    def step(y, raw, residual, output):
        p = softmax(raw, axis=1)
        return np.sum(output * residual) / np.sum(output**2 * p * (1.0 - p))
