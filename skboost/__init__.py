"""Boosting beyond trees, in scikit-learn's shape."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("skboost")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
