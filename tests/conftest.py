"""Data that tests of several packages share."""

import os

# beside other processes, pools of threads would wait for one another
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris


@pytest.fixture(scope="session")
def diabetes():
    """442 rows, 10 columns, one number to predict."""
    X, y = load_diabetes(return_X_y=True)
    return X, y


@pytest.fixture(scope="session")
def breast_cancer():
    """569 rows, 30 columns, two classes."""
    X, y = load_breast_cancer(return_X_y=True)
    return X, y


@pytest.fixture(scope="session")
def iris():
    """150 rows in random order, 4 columns, three classes."""
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order], y[order]
