"""Which parameters of a conditional space are active together, learned from the trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skboost.tuning._encoding import Encoding, Floats

MOST_VALUES = 50  # parents with more values teach little


@dataclass(frozen=True)
class Gate:
    """Column ``child`` is active where the trial whose column ``parent`` is nearest had it active.

    ``places`` are the units of the parent that trials have had, in order, and ``is_open`` tells of each whether the
    child was active.
    """

    child: int
    parent: int
    places: Floats
    is_open: npt.NDArray[np.bool_]

    def opens(self, units: Floats) -> npt.NDArray[np.bool_]:
        """Where the child is active."""
        parent = units[:, self.parent]
        middles = (self.places[1:] + self.places[:-1]) / 2.0
        nearest = np.searchsorted(middles, np.nan_to_num(parent))
        active: npt.NDArray[np.bool_] = self.is_open[nearest] & ~np.isnan(parent)
        return active


def learn_gates(encoding: Encoding, units: Floats) -> list[Gate]:
    """The conditions that explain why parameters were active in some trials only.

    A parameter that some trials lack is explained by a discrete one, active more often, whose values in the trials that
    have the parameter and in those that lack it do not overlap. Of several such explanations the parent that is active
    most often is taken. A parameter without explanation counts as active everywhere.

    Parameters
    ----------
    encoding : Encoding
    units : ndarray of shape (n_trials, n_parameters)
        NaN where a trial lacks a parameter.

    Returns
    -------
    gates : list of Gate
        Parents before their children.

    Examples
    --------
    >>> from optuna.distributions import CategoricalDistribution, FloatDistribution
    >>> from skboost.tuning._activity import closed, learn_gates
    >>> from skboost.tuning._encoding import Encoding
    >>> encoding = Encoding({"kind": CategoricalDistribution(("a", "b")), "x": FloatDistribution(0, 1)})
    >>> trials = encoding.units([{"kind": "a"}, {"kind": "b", "x": 0.5}])
    >>> gates = learn_gates(encoding, trials)
    >>> closed(encoding.units([{"kind": "a", "x": 0.1}, {"kind": "b", "x": 0.1}]), gates).tolist()
    [[0.25, nan], [0.75, 0.1]]
    """
    active = ~np.isnan(units)
    share = active.mean(axis=0) if len(units) else np.ones(units.shape[1])
    order = sorted(range(units.shape[1]), key=lambda j: -share[j])  # stable: then by column
    parents = [j for j in order if 1 < (encoding.sizes[j] or 0) <= MOST_VALUES]
    gates = []
    for child in order:
        if not 0 < share[child] < 1:
            continue
        for parent in parents:
            if share[parent] <= share[child]:
                break
            opening = np.unique(units[active[:, child], parent])
            closing = np.unique(units[~active[:, child] & active[:, parent], parent])
            if not np.isnan(opening).any() and not np.isin(closing, opening).any():
                places = np.union1d(opening, closing)
                gates.append(Gate(child, parent, places, np.isin(places, opening)))
                break
    return gates


def closed(units: Floats, gates: list[Gate]) -> Floats:
    """Units with NaN for the parameters that are not active."""
    units = units.copy()
    for gate in gates:
        units[~gate.opens(units), gate.child] = np.nan
    return units
