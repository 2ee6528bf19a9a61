"""Counts and quantiles: other losses than squared error.

Question: bicycles are hired by the hour. How many will it be on average, and which band holds four hours of five?

Data: generated, so that the truth is known: counts whose mean has two peaks a day, grows with the temperature on
dry days, and whose spread is larger than Poisson's.
"""

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import nbinom
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skboost.losses import Quantile
from skboost.networks import BoostedNetworkRegressor

QUICK = os.environ.get("SKBOOST_QUICK") == "1"
OUT = Path("out/networks/counts_and_quantiles")
OUT.mkdir(parents=True, exist_ok=True)
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6E6E6E"
LEVELS = [0.1, 0.5, 0.9]
SHAPE = 6.0  # of the gamma mixture that makes counts spread more than Poisson's


def true_mean(hour, temperature, rain):
    """Mean number of bicycles hired in an hour."""
    peaks = 30 * np.exp(-((hour - 8) ** 2) / 3) + 45 * np.exp(-((hour - 17.5) ** 2) / 6)
    return (3 + peaks) * np.exp(0.04 * (temperature - 15)) * np.where(rain == 1, 0.4, 1.0)


def true_quantile(level, mean):
    """Quantile of a count with this mean."""
    return nbinom.ppf(level, SHAPE, SHAPE / (SHAPE + mean))


rng = np.random.default_rng(0)
n_rows = 600 if QUICK else 3000
X = np.column_stack(
    [rng.uniform(0, 24, n_rows), rng.normal(15, 7, n_rows), rng.random(n_rows) < 0.25]
)
y = rng.poisson(rng.gamma(SHAPE, true_mean(*X.T) / SHAPE)).astype(float)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
# Peaks this sharp gain by freer stages than the defaults: a weaker penalty and more iterations for each.
SETTINGS = {
    "n_stages": 40 if QUICK else 150,
    "alpha": 0.5,
    "lbfgs_iter": 100,
    "early_stopping": True,
    "random_state": 0,
}

# %%
# The mean: Poisson loss, logarithmic link. No prediction is negative, and large counts do not drown small ones. Newton
# residuals suit losses whose curvature differs much between rows.
models = {
    "boosted network": BoostedNetworkRegressor(loss="poisson", residuals="newton", **SETTINGS),
    "HistGradientBoosting": HistGradientBoostingRegressor(loss="poisson", random_state=0),
    "Poisson regression": make_pipeline(StandardScaler(), PoissonRegressor()),
}
print("mean Poisson deviance on test rows")
for name, model in models.items():
    deviance = mean_poisson_deviance(y_test, model.fit(X_train, y_train).predict(X_test))
    print(f"  {name:<24}{deviance:8.3f}")
print(f"  {'the true mean':<24}{mean_poisson_deviance(y_test, true_mean(*X_test.T)):8.3f}")

# %%
# Three quantiles at once: one network, three outputs that share its hidden units and never cross.
bands = BoostedNetworkRegressor(loss=Quantile(LEVELS), **SETTINGS).fit(X_train, y_train)
print(
    "quantiles on test rows: share of counts at or below, and pinball loss of network, trees and truth"
)
for level, column in zip(LEVELS, bands.predict(X_test).T, strict=True):
    trees = HistGradientBoostingRegressor(loss="quantile", quantile=level, random_state=0)
    predictions = (
        column,
        trees.fit(X_train, y_train).predict(X_test),
        true_quantile(level, true_mean(*X_test.T)),
    )
    losses = "".join(f"{mean_pinball_loss(y_test, p, alpha=level):8.3f}" for p in predictions)
    print(f"  level {level:.2f}{np.mean(y_test <= column):8.3f}  {losses}")

# %%
# Picture: a dry day at 18 degrees.
hours = np.linspace(0, 24, 300)
day = np.column_stack([hours, np.full(300, 18.0), np.zeros(300)])
near = (np.abs(X_train[:, 1] - 18) < 4) & (X_train[:, 2] == 0)
figure, (left, right) = plt.subplots(
    1, 2, figsize=(12, 4.3), layout="constrained", dpi=130, sharey=True
)
for axes in (left, right):
    axes.scatter(
        *X_train[near][:, :1].T,
        y_train[near],
        s=9,
        color=GREY,
        alpha=0.4,
        label="training rows at 14 to 22 °C",
    )
    axes.set(xlabel="hour", xlim=(0, 24), xticks=range(0, 25, 4), ylim=(0, None))
    axes.grid(color="#E3E3E3")
    axes.spines[["top", "right"]].set_visible(False)
mean = true_mean(*day.T)
left.plot(hours, mean, color="black", lw=1.5, ls=":", label="true mean", zorder=4)
for (name, model), colour in zip(models.items(), (BLUE, PURPLE, GREEN), strict=True):
    left.plot(hours, model.predict(day), color=colour, lw=2, label=name)
left.set(ylabel="bicycles in an hour", title="Poisson loss: the mean")
left.legend(frameon=False, fontsize="small", loc="upper left")
low, middle, high = bands.predict(day).T
right.fill_between(hours, low, high, color=BLUE, alpha=0.2, label="network: quantiles .1 to .9")
right.plot(hours, middle, color=BLUE, lw=2, label="network: median")
for level in LEVELS:
    label = "true quantiles .1, .5, .9" if level == LEVELS[0] else None
    right.plot(hours, true_quantile(level, mean), color=ORANGE, lw=1.2, ls="--", label=label)
right.set(title="Quantile loss: a band for four hours of five")
right.legend(frameon=False, fontsize="small", loc="upper left")
figure.suptitle("Hired bicycles on a dry day at 18 °C")
figure.savefig(OUT / "day.png")
plt.close(figure)
print(f"picture: {OUT / 'day.png'}")

# %%
# What this shows. The loss decides what a prediction means: Poisson gives the mean of a count, the quantile loss a
# band that widens where the counts spread. Learned quantiles promise nothing about coverage on new rows: where a
# guarantee is needed, calibrate the band on rows of its own. For counts that jump at thresholds or depend on categories
# with many levels, trees are the better choice.
