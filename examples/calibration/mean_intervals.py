"""An interval for the mean is not an interval for the next value.

Question: what does the interval of Venn-ABERS regression say, and what does it not say?

Data: diabetes (bundled with scikit-learn): the progression of the disease in 442 patients.

It takes a few seconds and writes its picture to ``out/calibration/mean_intervals``.
"""

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from skboost.calibration import VennAbersRegressor
from skboost.conformal import ConformalRegressor

OUT = Path("out/calibration/mean_intervals")
OUT.mkdir(parents=True, exist_ok=True)
QUICK = os.environ.get("SKBOOST_QUICK") == "1"
N_SPLITS = 3 if QUICK else 30
SIZES = [40, 200] if QUICK else [40, 55, 75, 100, 140, 200]
LEVEL = 0.9
# Colours of Okabe and Ito, which colour-blind readers can tell apart.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#6E6E6E"
plt.rcParams.update({"figure.dpi": 130, "legend.frameon": False})

# %%
# The model is a ridge regression that shrinks far too much: it puts patients in a good order, but its numbers are too
# close to one another. It is fitted to 120 patients and frozen; 200 others calibrate, 122 are held back.
patients, progression = load_diabetes(return_X_y=True)


def three_parts(seed):
    """Patients that train, that calibrate, and that test."""
    X, X_rest, y, y_rest = train_test_split(
        patients, progression, train_size=120, random_state=seed
    )
    halves = train_test_split(X_rest, y_rest, train_size=200, random_state=seed)
    return X, y, halves[0], halves[2], halves[1], halves[3]


def wrapped(seed):
    """The frozen model, and what learns of its errors: one wrapper for the mean of y, one for y itself."""
    X, y, X_cal, y_cal, *_ = three_parts(seed)
    model = FrozenEstimator(Ridge(alpha=5.0).fit(X, y))
    for_mean = VennAbersRegressor(model).fit(X_cal, y_cal)
    for_y = ConformalRegressor(model, method="split", confidence_level=LEVEL).fit(X_cal, y_cal)
    return model, for_mean, for_y


# %%
# Over several splits: how wide are the intervals, and how many patients are inside of them?
found = []
for seed in range(N_SPLITS):
    X_test, y_test = three_parts(seed)[4:]
    model, for_mean, for_y = wrapped(seed)
    row = [
        root_mean_squared_error(y_test, model.predict(X_test)),
        root_mean_squared_error(y_test, for_mean.predict(X_test)),
    ]
    for ends in (for_mean.predict_mean_interval(X_test), for_y.predict_interval(X_test)):
        inside = (ends[:, 0] <= y_test) & (y_test <= ends[:, 1])
        row += [np.median(ends[:, 1] - ends[:, 0]), inside.mean()]
    found.append(row)
raw, calibrated, mean_width, mean_holds, y_width, y_holds = np.mean(found, axis=0)
print(
    f"Mean of {N_SPLITS} splits of {len(progression)} patients; y has a deviation of {progression.std():.0f}"
)
print(f"{'':<32}{'root mean squared error':>24}")
print(f"  {'ridge regression':<30}{raw:>24.1f}")
print(f"  {'with Venn-ABERS':<30}{calibrated:>24.1f}")
print(f"{'':<32}{'median width':>14}{'patients whose y is inside':>28}")
print(f"  {'interval for the mean':<30}{mean_width:>14.0f}{mean_holds:>28.0%}")
print(f"  {f'conformal interval, {LEVEL:.0%}':<30}{y_width:>14.0f}{y_holds:>28.0%}")

# %%
# Picture. Left, one split; right, what becomes of the widths when calibration rows arrive.
X_test, y_test = three_parts(0)[4:]
model, for_mean, for_y = wrapped(0)
order = model.predict(X_test).argsort()
said = model.predict(X_test)[order]
figure, (left, right) = plt.subplots(
    1, 2, figsize=(12, 4.8), layout="constrained", width_ratios=[1.4, 1]
)
low, high = for_y.predict_interval(X_test)[order].T
left.fill_between(
    said, low, high, color=ORANGE, alpha=0.15, lw=0, label=f"for y: conformal, {LEVEL:.0%}"
)
along = np.linspace(said[0], said[-1], 500)
low, high = for_mean.calibrators_[0].transform_interval(along).T  # a function of the prediction
left.fill_between(along, low, high, color=BLUE, alpha=0.45, lw=0, label="for the mean: Venn-ABERS")
left.plot(said, y_test[order], "o", color=GREY, ms=3.5, alpha=0.7, label="held-back patients")
for group in np.array_split(np.arange(len(said)), 6):
    values = y_test[order][group]
    left.errorbar(
        said[group].mean(),
        values.mean(),
        2 * values.std(ddof=1) / len(values) ** 0.5,
        fmt="D",
        color="black",
        ms=5,
        capsize=3,
        label="mean of a sixth, ± 2 errors" if group[0] == 0 else None,
    )
left.set(xlabel="the model predicts", ylabel="progression of the disease")
left.legend(loc="upper left", fontsize="small")
widths = {"for_y": [], "for_mean": []}
for n in SIZES:
    now = {"for_y": [], "for_mean": []}
    for seed in range(N_SPLITS):
        *_, X_cal, y_cal, X_test, _ = three_parts(seed)
        _, for_mean, for_y = wrapped(seed)
        ends = for_mean.fit_calibration(X_cal[:n], y_cal[:n]).predict_mean_interval(X_test)
        now["for_mean"].append(np.median(ends[:, 1] - ends[:, 0]))
        ends = for_y.fit_calibration(X_cal[:n], y_cal[:n]).predict_interval(X_test)
        now["for_y"].append(np.median(ends[:, 1] - ends[:, 0]))
    for which, values in now.items():
        widths[which].append(np.mean(values))
right.plot(SIZES, widths["for_y"], "o-", color=ORANGE, label="for y")
right.plot(SIZES, widths["for_mean"], "o-", color=BLUE, label="for the mean")
right.set(xlabel="calibration rows", ylabel="median width", xscale="log", ylim=(0, None))
right.set_xticks(SIZES, labels=SIZES)
right.minorticks_off()
right.legend(loc="center right")
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color="#E6E6E6")
    axes.set_axisbelow(True)
figure.suptitle("Diabetes: an interval for the mean, and one for the next patient")
figure.savefig(OUT / "mean_and_next.png")
plt.close(figure)
print(f"\nPicture: {OUT / 'mean_and_next.png'}")

# %%
# What this shows. The model's predictions run from 135 to 175 where the mean of y runs from 80 to 240; Venn-ABERS
# learns that from 200 patients, and the error falls from 72 to 58. Its interval answers one question only: what is the
# mean of y among patients with this prediction? It gets narrow as calibration rows become more, because means become
# known, and nine in ten patients are outside of it. Where the next patient will be, is another question: that interval
# is fifteen times as wide and stays so, because patients differ. Nor is the narrow one a confidence interval with a
# level: it holds a calibrated prediction, and its ends scatter with the calibration rows, as the mean of the lowest
# sixth shows. Take it where a mean is wanted (costs of a ward, yields of a field) and never to tell one patient what to
# expect.
