"""A search that is parallel, gives one answer on any machine, and survives a crash: a tour in one script.

Question: the defaults of a model are a compromise. What does a search gain here, how do I see what it did, and how
much of the gain is luck?

Data: breast_cancer, bundled with scikit-learn (569 tumours, 30 columns, two classes).

Run it whole, or cell by cell in an editor that knows ``# %%``. It takes about half a minute and writes its pictures to
``out/tuning/quickstart``.
"""

# %%
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import optuna
from matplotlib.ticker import LogLocator, NullFormatter
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split

from skboost.networks import BoostedNetworkClassifier
from skboost.tuning import OptunaSearchCV, nested_cv

OUT = Path("out/tuning/quickstart")
OUT.mkdir(parents=True, exist_ok=True)
QUICK = os.environ.get("SKBOOST_QUICK") == "1"
N_TRIALS = 8 if QUICK else 40
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6E6E6E"
plt.rcParams.update({"figure.dpi": 130, "legend.frameon": False})

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)

# %%
# A model and what may be set. A tuple is a range, "log" makes it one of orders of magnitude, a list holds choices. One
# fold of early stopping is enough to compare settings, and five times as fast.
network = BoostedNetworkClassifier(n_stages=60, n_folds=1, n_threads=1, random_state=0)
space = {
    "units_per_stage": (2, 30, "log"),
    "learning_rate": (0.05, 0.5, "log"),
    "alpha": (0.01, 100.0, "log"),
    "linear_alpha": (0.01, 100.0, "log"),
    "max_features": (0.2, 1.0),
    "activation": ["relu", "tanh"],
}
folds = StratifiedKFold(5, shuffle=True, random_state=0)

# %%
# The search. It is an estimator like GridSearchCV: `fit`, then `best_params_`, `cv_results_`, `predict`. Four
# settings are chosen at a time (`batch_size`), so that there is work for several cores; `n_jobs` says how many there
# are and changes nothing else. Each trial that has ended is written to a file at once.
journal = Path(tempfile.mkdtemp()) / "search.journal"
search = OptunaSearchCV(
    network,
    space,
    n_trials=N_TRIALS,
    scoring="neg_log_loss",
    cv=folds,
    n_jobs=2,
    storage=journal,
    progress=True,
    random_state=0,
).fit(X_train, y_train)
print(f"\n{search.plan_}")
print(f"best log loss of the folds {-search.best_score_:.4f} with")
for name, value in search.best_params_.items():
    print(f"  {name:<16} {value if isinstance(value, str) else f'{value:.3g}'}")

# %%
# The same search again, as after a crash: all trials are on record, so that it is over at once. And the same search
# with one worker and without a file: the same trials, to the last bit.
again = OptunaSearchCV(**search.get_params(deep=False)).fit(X_train, y_train)
alone = OptunaSearchCV(**{**search.get_params(deep=False), "n_jobs": 1, "storage": None})
alone.set_params(progress=False, n_trials=8).fit(X_train, y_train)
found = search.cv_results_["mean_test_score"]
print(f"from the record the same: {np.array_equal(again.cv_results_['mean_test_score'], found)}")
print(
    f"with one worker the same: {np.array_equal(alone.cv_results_['mean_test_score'], found[:8])}"
)

# %%
# Folds one by one: a trial that is clearly behind after two or three folds is given up. What it gains is time, what it
# costs is seen in the best score.
pruned = OptunaSearchCV(
    network,
    space,
    n_trials=N_TRIALS,
    scoring="neg_log_loss",
    cv=folds,
    pruner="median",
    n_jobs=2,
    random_state=0,
).fit(X_train, y_train)
print(
    f"\nwith a pruner: {pruned.n_fits_} fits and {pruned.n_fits_saved_} spared, best {-pruned.best_score_:.4f}"
)

# %%
# Picture 1: how the search went, and which parameters mattered. `study_` is an Optuna study, so that Optuna's own
# importances and plots work.
results = search.cv_results_
numbers, losses = results["trial_number"], -results["mean_test_score"]
importances = optuna.importance.get_param_importances(search.study_)
first_loss = (
    -OptunaSearchCV(
        network,
        {"activation": ["relu"]},
        n_trials=1,
        scoring="neg_log_loss",
        cv=folds,
        refit=False,
    )
    .fit(X_train, y_train)
    .best_score_
)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.axhline(first_loss, color=GREY, lw=1, ls=":", label="before the search")
left.plot(numbers, losses, ".", color=BLUE, label="trial")
left.step(numbers, np.minimum.accumulate(losses), where="post", color=ORANGE, label="best so far")
left.set(xlabel="trial", ylabel="log loss, mean of five folds")
left.set_ylim(losses.min() * 0.95, min(losses.max(), 2 * first_loss) * 1.05)
left.legend()
names = list(importances)[::-1]
right.barh(names, [importances[name] for name in names], color=GREEN)
right.set(xlabel="importance (PED-ANOVA)")
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
figure.suptitle(f"breast_cancer: {N_TRIALS} settings of a boosted network")
figure.savefig(OUT / "history.png")
plt.close(figure)

# %%
# Picture 2: the two parameters that matter most, and how good their settings were.
pair = [name for name in importances if name != "activation"][:2]
figure, axes = plt.subplots(figsize=(6.2, 4.4), layout="constrained")
points = axes.scatter(
    *[np.asarray(results[f"param_{name}"], dtype=float) for name in pair],
    c=np.clip(losses, None, 2 * first_loss),
    cmap="viridis_r",
    s=45,
    edgecolor="white",
    lw=0.4,
)
best = [search.best_params_[name] for name in pair]
axes.plot(*best, "o", ms=13, mfc="none", mec=ORANGE, mew=2, label="best")
axes.set(xlabel=pair[0], ylabel=pair[1])
for axis, name in zip("xy", pair, strict=True):
    if len(space[name]) == 3:
        getattr(axes, f"set_{axis}scale")("log")
        getattr(axes, f"{axis}axis").set_minor_formatter(NullFormatter())
        getattr(axes, f"{axis}axis").set_major_formatter("{x:g}")
        getattr(axes, f"{axis}axis").set_major_locator(
            LogLocator(subs=(1, 2, 5) if axis == "x" else (1,))
        )
figure.colorbar(points, label="log loss")
axes.legend()
axes.set_title("Where the search went")
figure.savefig(OUT / "where_it_went.png")
plt.close(figure)

# %%
# What it is worth. The best of many scores is too good, because it is the best. Rows that the search has not seen tell:
# once on the test rows, and by a cross-validation around the whole search.
plain = BoostedNetworkClassifier(random_state=0).fit(X_train, y_train)
tuned_loss = log_loss(y_test, search.predict_proba(X_test))
plain_loss = log_loss(y_test, plain.predict_proba(X_test))
print(f"\nlog loss of {len(y_test)} test rows: tuned {tuned_loss:.4f}, defaults {plain_loss:.4f}")
inner = OptunaSearchCV(
    network,
    space,
    n_trials=4 if QUICK else 16,
    scoring="neg_log_loss",
    cv=3,
    n_jobs=2,
    random_state=0,
)
print(nested_cv(inner, X, y, outer=3).summary())
print(f"\nPictures: {', '.join(sorted(str(path) for path in OUT.glob('*.png')))}")

# %%
# What this shows. A search costs a few lines and some seconds, and what it did can be looked at. Its best score is
# optimistic; the outer rows say by how much. On a table of this size the gain over defaults that were chosen with
# care is small and within the noise of the rows: tune where much depends on it, with a metric that you mean, and look
# at the test rows once. crash_and_resume.py kills a search and goes on; two_objectives.py looks for small models that
# are good; papers/tabu_admissions.py compares a tabu search with a grid.
