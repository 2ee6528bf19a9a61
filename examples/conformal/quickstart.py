"""Intervals and sets that hold the truth as often as they say: a tour in one script.

Question: a model says 140, or "three". How far off may that be, how do I know without trusting the model, and what can
I do with a few hundred rows?

Data: diabetes (a number) and digits (10 classes), both bundled with scikit-learn.

Run it whole, or cell by cell in an editor that knows ``# %%``. It takes about a quarter of a minute and writes its
pictures to ``out/conformal/quickstart``.
"""

# %%
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import betabinom
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skboost.conformal import (
    ConformalClassifier,
    ConformalQuantileRegressor,
    ConformalRegressor,
    IntervalDisplay,
)
from skboost.exceptions import UncertaintyWarning
from skboost.metrics import (
    coverage_by_group,
    coverage_score,
    coverage_scorer,
    interval_score,
    interval_score_scorer,
    mean_interval_width,
    mean_set_size,
    set_coverage_score,
)

OUT = Path("out/conformal/quickstart")
OUT.mkdir(parents=True, exist_ok=True)
SEED = 0
QUICK = os.environ.get("SKBOOST_QUICK") == "1"
N_SPLITS = 3 if QUICK else 30
N_LAW = 50 if QUICK else 1000
# Colours of Okabe and Ito, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6E6E6E"
plt.rcParams.update({"figure.dpi": 130, "legend.frameon": False})

# %%
# Intervals. Nothing but a wrapper around a model, which may be a pipeline: `fit` does everything, `predict` is what the
# model says, and `predict_interval` takes any level. By default it is CV+: each row is compared with the model of the
# four folds that did not see it, and the interval says how far such comparisons went.
X, y = load_diabetes(return_X_y=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=SEED)
RIDGE = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 11)))
model = ConformalRegressor(RIDGE).fit(X_train, y_train)
LEVELS = [0.5, 0.8, 0.9, 0.95]
intervals = model.predict_interval(X_test, confidence_level=LEVELS)  # (n_rows, 2, n_levels)
print("Diabetes: progression of the disease, predicted and as it came")
print(f"{'':<11}" + "".join(f"{f'{100 * level:.0f} %':>14}" for level in LEVELS), end="")
print(f"{'as it came':>13}")
for row, said in enumerate(model.predict(X_test[:6])):
    cells = "".join("{:>7.0f} to {:>3.0f}".format(*ends) for ends in intervals[row].T)
    print(f"  {said:>6.0f}   {cells}{y_test[row]:>13.0f}")
score = coverage_score(y_test, intervals), mean_interval_width(intervals)
for words, values in zip(("held", "mean width"), score, strict=True):
    digits = ".1%" if words == "held" else ".0f"
    print(f"{words:<11}" + "".join(f"{value:>14{digits}}" for value in values))

# %%
# Picture 1: test rows by their prediction, and all levels at once. Steps of one row are the best there can be.
figure, (left, right) = plt.subplots(
    1, 2, figsize=(13, 4.9), layout="constrained", width_ratios=[1.7, 1]
)
IntervalDisplay.from_estimator(model, X_test, y_test, name="CV+", ax=left, color=BLUE)
left.set_ylabel("progression of the disease")
grid = np.arange(0.02, 0.99, 0.02).round(2).tolist()
found = coverage_score(y_test, model.predict_interval(X_test, confidence_level=grid))
right.plot([0, 1], [0, 1], color="black", lw=0.9, ls=":", label="as asked")
right.plot(grid, found, ".-", color=BLUE, lw=1.5, label=f"{len(y_test)} test rows")
right.set(xlabel="confidence level", ylabel="share of test rows inside", xlim=(0, 1), ylim=(0, 1))
right.set_aspect("equal")
right.legend(loc="upper left")
right.spines[["top", "right"]].set_visible(False)
right.grid(color="#E6E6E6")
right.set_axisbelow(True)
figure.suptitle("Diabetes: 90 % intervals of ridge regression, and every other level")
figure.savefig(OUT / "diabetes_intervals.png")
plt.close(figure)

# %%
# Which method? They differ in where errors come from, in how often the model is fitted, and in what is guaranteed. The
# interval score compares them: it charges for width and for misses in one number, and smaller is better. (Jackknife+ is
# "plus" with cv=LeaveOneOut().)
METHODS = {
    "split": ("90 %", {"method": "split", "cv": 0.3}),
    "CV+ (default)": ("about 80 %", {"method": "plus"}),
    "minmax": ("90 %", {"method": "minmax"}),
    "bootstrap": ("about 80 %", {"method": "bootstrap", "n_resamples": 50}),
    "cross-validation": ("nothing", {"method": "base"}),
}
rows = {name: [] for name in METHODS}
for split in range(N_SPLITS):
    parts = train_test_split(X, y, test_size=0.3, random_state=split)
    for name, (_, options) in METHODS.items():
        model = ConformalRegressor(RIDGE, random_state=split, **options).fit(parts[0], parts[2])
        interval = model.predict_interval(parts[1])
        rows[name].append(
            [
                coverage_score(parts[3], interval),
                mean_interval_width(interval),
                interval_score(parts[3], interval, confidence_level=0.9),
            ]
        )
print(f"\n90 % intervals, mean of {N_SPLITS} splits, {len(parts[3])} test rows")
print(
    f"  {'':<18}{'guaranteed':>12}{'found':>8}{'in the splits':>17}{'width':>8}{'interval score':>16}"
)
for name, values in rows.items():
    held, width, score = np.mean(values, axis=0)
    ends = "{:.3f} to {:.3f}".format(*np.quantile(values, [0, 1], axis=0)[:, 0])
    print(f"  {name:<18}{METHODS[name][0]:>12}{held:>8.3f}{ends:>17}{width:>8.1f}{score:>16.1f}")

# %%
# What is promised is the mean over draws of all rows. With n rows that calibrate and k = ceil((n + 1) .9), the number
# of m test rows in their intervals is beta-binomial(m, k, n + 1 - k): not more or less than that, whatever model and
# data. Rows drawn again and again from the same table show it. `failure=.1` asks for widths that are enough in nine of
# ten draws of calibration rows instead of on average.
n, m = 99, 150
k = 90  # ceil(100 * .9)
law = betabinom(m, k, n + 1 - k)
counts = {None: [], 0.1: []}
for draw in range(N_LAW):
    order = np.random.default_rng(draw).permutation(len(y))
    train, calibrate, test = order[: -n - m], order[-n - m : -m], order[-m:]
    fitted = FrozenEstimator(RIDGE.fit(X[train], y[train]))
    for failure, found in counts.items():
        model = ConformalRegressor(fitted, method="split", failure=failure)
        interval = model.fit(X[calibrate], y[calibrate]).predict_interval(X[test])
        found.append(round(m * coverage_score(y[test], interval)))
low, high = law.ppf([0.025, 0.975])
plain, careful = np.array(counts[None]), np.array(counts[0.1])
print(f"\nSplit, {n} rows calibrate, {m} test rows: {N_LAW} draws")
print(f"  mean coverage            {plain.mean() / m:.3f}   exact {law.mean() / m:.3f}")
print(
    f"  within {low / m:.3f} to {high / m:.3f}    {np.mean((plain >= low) & (plain <= high)):.3f}   exact "
    f"{law.cdf(high) - law.cdf(low - 1):.3f}"
)
print(f"  mean with failure=.1     {careful.mean() / m:.3f}")

# %%
# Picture 2: the law.
figure, axes = plt.subplots(figsize=(8.6, 4.3), layout="constrained")
edges = np.arange(m + 2) - 0.5
for found, colour, words in (
    (plain, BLUE, f"{N_LAW} draws"),
    (careful, GREEN, "with failure=.1"),
):
    axes.hist(found / m, edges / m, color=colour, alpha=0.45, label=words)
place = np.arange(m + 1)
axes.plot(place / m, N_LAW * law.pmf(place), ".-", color="black", ms=4, lw=1, label="exact law")
axes.axvline(0.9, color="black", lw=0.9, ls=":")
axes.set(xlim=(0.77, 1.005), xlabel=f"coverage of {m} test rows", ylabel="draws", yticks=[])
axes.spines[["top", "right", "left"]].set_visible(False)
axes.legend(loc="upper left")
axes.set_title(f"How much 90 % varies: {n} rows calibrate, whatever the model and the data")
figure.savefig(OUT / "law_of_coverage.png")
plt.close(figure)

# %%
# My own calibration rows: a fitted model, frozen, and all rows of `fit` calibrate. `fit_calibration` takes others
# later; the model stays as it is. Few rows keep the level, too, but widths vary with them. With fewer than nine rows
# nothing finite holds 90 % of labels: intervals are infinite, and a warning says why; no number is made up.
X_train, X_rest, y_train, y_rest = train_test_split(X, y, test_size=0.5, random_state=SEED)
fitted = RIDGE.fit(X_train, y_train)
X_test, y_test = X_rest[140:], y_rest[140:]
model = ConformalRegressor(FrozenEstimator(fitted), method="split").fit(X_rest[:140], y_rest[:140])
print(f"\nA frozen model; for 90 % it needs at least {model.min_calibration_size} calibration rows")
print(
    f"  {'rows':>6}{'held, mean':>13}{'width, mean':>13}{'from':>7}{'to':>6}   of 20 draws of these rows"
)
rng = np.random.default_rng(SEED)
for n_rows in (8, 9, 20, 50, 120):
    held, width = [], []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UncertaintyWarning)
        for _ in range(20):
            rows = rng.choice(140, n_rows, replace=False)
            interval = model.fit_calibration(X_rest[rows], y_rest[rows]).predict_interval(X_test)
            held.append(coverage_score(y_test, interval))
            width.append(mean_interval_width(interval))
    print(
        f"  {n_rows:>6}{np.mean(held):>13.3f}{np.mean(width):>13.0f}{min(width):>7.0f}{max(width):>6.0f}"
    )
    if caught:
        print(f"         warning: {caught[0].message}")

# %%
# Tuning. The object is an estimator as any other, so that GridSearchCV chooses by what the intervals are worth. Models
# of quantiles give widths of their own to each row; whatever is chosen, the guarantee stays. Which rows calibrate is
# drawn once for all candidates.
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=SEED)
quantiles = ConformalQuantileRegressor(
    HistGradientBoostingRegressor(loss="quantile", max_iter=60), random_state=SEED
)
search = GridSearchCV(
    quantiles,
    {
        "estimator__max_leaf_nodes": [2, 4, 16],
        "estimator__min_samples_leaf": [10] if QUICK else [10, 40],
    },
    scoring={"score": interval_score_scorer(0.9), "coverage": coverage_scorer(0.9)},
    refit="score",
    cv=3 if QUICK else 5,
).fit(X_train, y_train)
print("\nGridSearchCV of conformalized quantile regression; the score is minus the interval score")
print(f"  {'leaves':>6}{'rows in a leaf':>16}{'score':>9}{'coverage':>10}")
results = search.cv_results_
for place in np.argsort(results["rank_test_score"]):
    settings = results["params"][place].values()
    cells = "".join(f"{v:>{w}}" for v, w in zip(settings, (8, 16), strict=True))
    print(
        f"{cells}{results['mean_test_score'][place]:>9.1f}{results['mean_test_coverage'][place]:>10.3f}"
    )
best = search.best_estimator_  # a GridSearchCV itself has no predict_interval
sex = np.where(X_test[:, 1] == 1, "sex 1", "sex 2")  # as it is coded there
table = coverage_by_group(y_test, best.predict_interval(X_test), sex, confidence_level=0.9)
print(f"The best, on held-back rows, with exact limits: {table}")

# %%
# Sets. For classes the answer is a set: all classes that are not too strange beside what the model says. A hundred rows
# train here, so that there is doubt. A p-value says how strange: a class is in the 95 % set exactly if its own exceeds
# .05.
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=600, stratify=y, random_state=SEED
)
REGRESSION = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
model = ConformalClassifier(REGRESSION, cv=5 / 6, confidence_level=0.95, random_state=SEED)
sets = model.fit(X_train, y_train).predict_set(
    X_test
)  # (n_rows, n_classes), True where a class is in
pvalues = model.predict_pvalues(X_test)
assert np.array_equal(sets, pvalues > 0.05)
size = sets.sum(axis=1)
print(
    f"\nDigits: logistic regression of {len(y_train) - model.n_calibration_:.0f} rows is right in "
    f"{model.score(X_test, y_test):.1%} of {len(y_test)} test rows"
)
held = set_coverage_score(y_test, sets)
print(f"95 % sets hold {held:.1%}, with {mean_set_size(sets):.2f} digits on average")
for n_digits, n_rows in zip(*np.unique(size, return_counts=True), strict=True):
    found = size == n_digits
    right = set_coverage_score(y_test[found], sets[found], labels=model.classes_)
    print(f"  sets of {n_digits}: {n_rows:>4} rows, {right:>6.1%} of them hold the true one")

# %%
# Picture 3: images, and the p-values of the digits.
missed = ~sets[np.arange(len(y_test)), y_test]
kinds = [
    ((size == 1) & ~missed, 2),
    ((size == 2) & ~missed, 3),
    ((size >= 3) & ~missed, 1),
    ((size == 1) & missed, 1),
    (size == 0, 1),
]
shown = np.concatenate([np.flatnonzero(which)[:number] for which, number in kinds])
figure, panels = plt.subplots(
    2, len(shown), figsize=(1.75 * len(shown), 4), layout="constrained", sharey="row"
)
for (upper, lower), row in zip(panels.T, shown, strict=True):
    upper.imshow(X_test[row].reshape(8, 8), cmap="Greys", interpolation="nearest")
    upper.set(xticks=[], yticks=[])
    members = ", ".join(map(str, model.classes_[sets[row]]))
    colour = ORANGE if missed[row] else BLUE
    upper.set_title(f"{{{members}}}", color=colour, fontweight="bold")
    colours = np.where(sets[row], colour, "#C4C4C4")
    lower.bar(model.classes_, pvalues[row], color=colours, width=0.8)
    lower.plot(y_test[row], -0.05, "^", color="black", ms=6, clip_on=False)
    lower.axhline(0.05, color="black", lw=0.9, ls=":")
    lower.set(ylim=(0, 0.75), xticks=range(10), xlabel="digit")
    lower.tick_params(axis="x", pad=12, length=0, labelsize="small")
    lower.spines[["top", "right"]].set_visible(False)
panels[1, 0].set_ylabel("p-value")
figure.suptitle("95 % sets of digits (orange: without the true digit, which the triangle marks)")
figure.savefig(OUT / "digits_and_sets.png")
plt.close(figure)

# %%
# Which score? They measure strangeness in different ways. All keep the level, and differ in how much they leave open.
SCORES = ["lac", "aps", "raps", "saps", "margin", "topk"]
rows = {name: [] for name in SCORES}
for split in range(max(2, N_SPLITS // 3)):
    parts = train_test_split(X, y, train_size=600, stratify=y, random_state=split)
    halves = train_test_split(
        parts[0], parts[2], train_size=100, stratify=parts[2], random_state=split
    )
    fitted = FrozenEstimator(REGRESSION.fit(halves[0], halves[2]))
    for name in SCORES:
        model = ConformalClassifier(fitted, nonconformity=name, random_state=split)
        found = model.fit(halves[1], halves[3]).predict_set(parts[1], confidence_level=0.95)
        rows[name].append(
            [
                set_coverage_score(parts[3], found),
                mean_set_size(found),
                np.mean(found.sum(axis=1) == 0),
                np.mean(found.sum(axis=1) == 1),
            ]
        )
print(f"\nScores, 95 % sets, mean of {len(rows['lac'])} splits")
print(f"  {'':<10}{'held':>8}{'mean size':>11}{'empty':>9}{'one digit':>11}")
for name, values in rows.items():
    held, mean_size, empty, single = np.mean(values, axis=0)
    print(f"  {name:<10}{held:>8.3f}{mean_size:>11.2f}{empty:>9.1%}{single:>11.1%}")
print(f"\nPictures: {', '.join(sorted(str(path) for path in OUT.glob('*.png')))}")

# %%
# What this shows. Any model gets intervals or sets that keep their level on new rows, and no distribution was assumed.
# Coverage was never in question: all methods have it here, the one without a guarantee included, because ridge
# regression hardly notices a missing row. Width is what tells models and methods apart. CV+ lets all rows train and
# calibrate, and has as good a score as any for six fits; its guarantee is weaker than what it does. Where a guarantee
# of 90 % is needed, take split with enough rows, or minmax and its width.
# 90 % is a mean over draws of rows. With 99 rows to calibrate on, one calibration in seventeen covers less than 85 %:
# the law is known, and `failure` buys safety. Nine rows give a valid interval of hardly any use, and eight none. Sets
# say by their size how sure the model is; the p-value of a class is no probability of it. Scores differ in size more
# than in coverage, and "topk", which looks at the order of the classes alone, in size most.
# None of this holds for a single row or for a group, after a shift, or for rows in the order of time; see
# heteroscedastic.py, coverage_by_group.py and drifting_stream.py for what can be done. And where a decision needs a
# probability, calibrate instead.
