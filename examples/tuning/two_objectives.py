"""Good and small: a search for two things at once.

Question: each hidden unit of a boosted network costs time when it predicts. How good can a network of a given size
be, and what does the search offer to choose from?

Data: digits, bundled with scikit-learn (1,797 images of 64 pixels, ten classes).

The objectives are log loss and the number of units that early stopping keeps. The result is no single best model but
the set of those to which no other is superior in both. Takes about a minute; pictures go to
``out/tuning/two_objectives``.
"""

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skboost.networks import BoostedNetworkClassifier
from skboost.tuning import OptunaSearchCV

OUT = Path("out/tuning/two_objectives")
OUT.mkdir(parents=True, exist_ok=True)
QUICK = os.environ.get("SKBOOST_QUICK") == "1"
N_TRIALS = 8 if QUICK else 60
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#9A9A9A"

X, y = load_digits(return_X_y=True)
if QUICK:
    X, y = X[:300], y[:300]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=0.4, stratify=y, random_state=0
)


# %%
# A scorer is a function of a fitted model and rows; greater is better, so that few units are a small negative number.
def minus_units(estimator, X, y):
    """Minus the number of hidden units that were kept."""
    return -estimator.n_units_


network = BoostedNetworkClassifier(n_folds=1, n_threads=1, random_state=0)
space = {
    "n_stages": (1, 60, "log"),
    "units_per_stage": (1, 30, "log"),
    "learning_rate": (0.1, 1.0, "log"),
    "alpha": (0.1, 100.0, "log"),
}


def search_with(**options):
    """A search for small log loss and few units."""
    return OptunaSearchCV(
        network,
        space,
        n_trials=N_TRIALS,
        scoring={"log_loss": "neg_log_loss", "units": minus_units},
        cv=3,
        n_jobs=2,
        random_state=0,
        **options,
    ).fit(X_train, y_train)


# %%
# Several objectives: NSGA-III spreads its trials along the front, TPE looks where dominated volume is to be gained.
# `refit` names the metric that chooses the model for `predict`; it could be a function of `cv_results_` too.
searches = {
    name: search_with(sampler=name, objectives=["log_loss", "units"], refit="log_loss")
    for name in ("tpe", "nsga3")
}


def front(search):
    """Units and log losses of the Pareto set, from small to large."""
    results = search.cv_results_
    best = np.flatnonzero(results["is_pareto"])
    points = -np.column_stack(
        [results["mean_test_units"][best], results["mean_test_log_loss"][best]]
    )
    return points[np.argsort(points[:, 0])]


for name, search in searches.items():
    print(f"\n{name}: {len(search.best_trials_)} of {N_TRIALS} trials are in the Pareto set")
    print(f"  {'units':>7}{'log loss of the folds':>24}")
    for units, loss in front(search):
        print(f"  {units:>7.0f}{loss:>24.4f}")

# %%
# One objective and a constraint: the best network with at most 100 units.
limited = search_with(objectives="log_loss", refit="log_loss", constraints={"units": (-100, None)})
results = limited.cv_results_
print(f"\nat most 100 units: {results['is_feasible'].sum()} of {N_TRIALS} trials keep to it")
for words, search in (("best of all", searches["tpe"]), ("best of the small", limited)):
    loss = log_loss(y_test, search.predict_proba(X_test))
    units = search.best_estimator_.n_units_
    print(f"  {words:<18}{units:>6} units, log loss of {len(y_test)} test rows {loss:.4f}")

# %%
# Picture: all trials, and the fronts.
figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
for (name, search), colour in zip(searches.items(), (BLUE, ORANGE), strict=True):
    results = search.cv_results_
    units, loss = -results["mean_test_units"], -results["mean_test_log_loss"]
    axes.plot(units, loss, ".", color=colour, alpha=0.45, ms=5)
    axes.step(*front(search).T, where="post", color=colour, lw=1.6, label=f"{name}: Pareto set")
axes.axvline(100, color=GREY, lw=1, ls=":")
axes.annotate(
    "constraint",
    (100, axes.get_ylim()[1]),
    xytext=(3, -12),
    textcoords="offset points",
    color="black",
    size="small",
)
axes.set(xscale="log", xlabel="hidden units", ylabel="log loss, mean of three folds")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)
axes.set_title(f"digits: {N_TRIALS} trials each")
figure.savefig(OUT / "fronts.png", dpi=130)
plt.close(figure)
print(f"\nPicture: {OUT / 'fronts.png'}")

# %%
# What this shows. Below a hundred units the front is nearly flat: there the network is little more than the linear
# model that it starts from. Beyond, each step down costs more units than the one before. Neither search has found the
# whole front in sixty trials; the two are good at different ends of it. Which point to take is a decision about the
# use of the model, not of the search. With a limit that is known in advance a constraint says so directly, and spends
# most trials on networks that may be used.
