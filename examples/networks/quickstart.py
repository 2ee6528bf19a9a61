"""Boosted networks on real data: a tour in one script.

Question: can a neural network be trained the way boosted trees are, stage by stage, with early stopping, without
scaling, tuning or luck, and how does it compare with what you use today?

Data: breast cancer (2 classes), digits (10 classes) and diabetes (a number), all bundled with scikit-learn.

Run it with ``make demo``, or cell by cell in an editor that knows ``# %%``. It takes about half a minute and writes
its pictures to ``out/networks/quickstart``.
"""

# %%
# What is needed. XGBoost, and the progress bar of scikit-learn 1.9, are used where they are installed.
import importlib.util
import os
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_moons,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor, Network

OUT = Path("out/networks/quickstart")
OUT.mkdir(parents=True, exist_ok=True)
SEED = 0
QUICK = os.environ.get("SKBOOST_QUICK") == "1"
N_STAGES = 20 if QUICK else 200  # the default
N_SPLITS = 2 if QUICK else 5  # of picture 2
# Colours of Okabe and Ito, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6E6E6E"
plt.rcParams.update(
    {
        "figure.dpi": 130,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#E3E3E3",
        "axes.axisbelow": True,
        "legend.frameon": False,
    }
)


def with_progress(model):
    """Show a bar while the model is fitted: scikit-learn's own where it exists, a line of text elsewhere."""
    if importlib.util.find_spec("sklearn.callback") and importlib.util.find_spec("rich"):
        from sklearn.callback import ProgressBar

        return model.set_callbacks(ProgressBar())
    return model.set_params(verbose=1)


# %%
# The peers, at their defaults. Boosted networks and trees take raw columns; linear models and scikit-learn's
# perceptron need scaled ones, and the perceptron a scaled target as well.
def peers_of(classifying):
    """Name -> unfitted model."""
    if classifying:
        peers = {
            "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
            "MLP (100 units)": make_pipeline(StandardScaler(), MLPClassifier(random_state=SEED)),
            "HistGradientBoosting": HistGradientBoostingClassifier(random_state=SEED),
        }
    else:
        perceptron = make_pipeline(StandardScaler(), MLPRegressor(random_state=SEED))
        peers = {
            "ridge regression": make_pipeline(StandardScaler(), Ridge()),
            "MLP (100 units)": TransformedTargetRegressor(perceptron, transformer=StandardScaler()),
            "HistGradientBoosting": HistGradientBoostingRegressor(random_state=SEED),
        }
    if importlib.util.find_spec("xgboost"):
        from xgboost import XGBClassifier, XGBRegressor

        peers["XGBoost"] = (XGBClassifier if classifying else XGBRegressor)(random_state=SEED)
    else:
        print("XGBoost is not installed and left out (pip install xgboost).")
    return peers


def fitted(name, model, split):
    """Fit a model and return a row of the table: name, score, loss, seconds of the fit, hidden units."""
    X_train, X_test, y_train, y_test = split
    start = time.perf_counter()
    with warnings.catch_warnings():
        # the perceptron says that its 200 epochs were not enough; more of them make it over-fit here
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    prediction = model.predict(X_test)
    if hasattr(model, "predict_proba"):
        score, loss = (
            accuracy_score(y_test, prediction),
            log_loss(y_test, model.predict_proba(X_test)),
        )
    else:
        score = r2_score(y_test, prediction)
        loss = root_mean_squared_error(y_test, prediction)
    units = getattr(model, "n_units_", 100 if name.startswith("MLP") else "")
    return name, score, loss, seconds, units


def print_table(title, rows, classifying):
    """Print the rows under a title."""
    score, loss = ("accuracy", "log loss") if classifying else ("R2", "RMSE")
    print(f"\n{title}")
    print(f"  {'model':<34}{score:>10}{loss:>10}{'seconds':>10}{'hidden units':>14}")
    for name, a, b, seconds, units in rows:
        loss_text = f"{b:.4f}" if classifying else f"{b:.2f}"
        print(f"  {name:<34}{a:>10.4f}{loss_text:>10}{seconds:>10.2f}{units:>14}")


# %%
# Train. Each set is split once, 70 to 30. By default five networks grow side by side, each without a fifth of the
# training rows; these rows together say when to stop, and the five are averaged into one. The second boosted network is
# a single one that sees all training rows and runs through all of its 200 stages.
SETS = {
    "breast cancer": (load_breast_cancer(), True),
    "digits": (load_digits(), True),
    "diabetes": (load_diabetes(scaled=False), False),
}
models, splits, tables = {}, {}, {}
for name, (data, classifying) in SETS.items():
    splits[name] = split = train_test_split(
        data.data,
        data.target,
        test_size=0.3,
        random_state=SEED,
        stratify=data.target if classifying else None,
    )
    kind = BoostedNetworkClassifier if classifying else BoostedNetworkRegressor
    model = with_progress(kind(n_stages=N_STAGES, random_state=SEED))
    unstopped = kind(n_stages=N_STAGES, early_stopping=False, random_state=SEED)
    print(f"\nFitting {name}: {len(split[0])} rows for training, {data.data.shape[1]} columns")
    rows = [
        fitted("boosted network", model, split),
        fitted("  the same, not stopped early", unstopped, split),
    ]
    rows += [fitted(peer, model, split) for peer, model in peers_of(classifying).items()]
    models[name], tables[name] = model, rows
for name, rows in tables.items():
    print_table(
        f"{name}, {len(splits[name][1])} rows held back for this table", rows, SETS[name][1]
    )
print(
    "\nOne split each: differences of a hundredth or two are luck. Averages: examples/benchmarks."
)

# %%
# Merge. All stages together are one network with one hidden layer, plain arrays that can be stored without pickle.
full = models["digits"]
X_test, y_test = splits["digits"][1], splits["digits"][3]
network = full.to_network()
path = OUT / "digits.npz"
network.save(path)
restored = Network.load(path)
*_, summed = full.staged_predict_proba(X_test)  # stage by stage, as they were trained
difference = np.abs(restored.predict_proba(X_test) - summed).max()
print("\nOne network")
print(f"  {full.n_stages_} stages merged: {network}")
print(f"  saved to {path} ({path.stat().st_size / 1024:.0f} KiB) and loaded again")
print(f"  largest difference between its probabilities and the sum of the stages: {difference:.1e}")

# %%
# Switch units off. The last stages can be taken away after training, for a smaller and faster network.
print("\nSwitching units off (digits)")
print(f"  {'stages kept':>12}{'hidden units':>14}{'accuracy':>10}{'log loss':>10}")
for n_stages in [n for n in (0, 1, 3, 10, 30, 100) if n < full.n_stages_] + [full.n_stages_]:
    smaller = full.truncate(n_stages)
    probabilities = smaller.predict_proba(X_test)
    print(
        f"  {n_stages:>12}{smaller.n_units_:>14}{smaller.score(X_test, y_test):>10.4f}"
        f"{log_loss(y_test, probabilities):>10.4f}"
    )

# %%
# Picture 1: the loss by stage, and where early stopping ended the fit.
figure, panels = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
for axes, (name, stopped) in zip(panels, models.items(), strict=True):
    stages = np.arange(len(stopped.train_loss_))
    axes.plot(stages, stopped.train_loss_, color=BLUE, lw=2, label="training rows")
    axes.plot(stages, stopped.validation_loss_, color=ORANGE, lw=2, ls="--", label="held-out rows")
    best = stopped.n_stages_
    axes.plot(
        best, stopped.validation_loss_[best], "o", color=ORANGE, ms=8, label=f"kept: {best} stages"
    )
    classifying = SETS[name][1]
    axes.set(
        title=name, xlabel="stage (1 = linear stage)", yscale="log" if classifying else "linear"
    )
    axes.set_ylabel("log loss" if classifying else "half squared error")
    axes.legend()
figure.suptitle("Boosted networks: loss by stage")
figure.savefig(OUT / "loss_by_stage.png")
plt.close(figure)

# %%
# Picture 2: the score on test rows by the number of hidden units kept, over several splits; without early stopping, to
# see what it saves.
figure, panels = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
for axes, (name, (data, classifying)) in zip(panels, SETS.items(), strict=True):
    kind, score = (
        (BoostedNetworkClassifier, accuracy_score)
        if classifying
        else (BoostedNetworkRegressor, r2_score)
    )
    linear = make_pipeline(StandardScaler(), LogisticRegression() if classifying else Ridge())
    curves, lines = [], []
    for seed in range(N_SPLITS):
        X_train, X_test, y_train, y_test = train_test_split(
            data.data,
            data.target,
            test_size=0.3,
            random_state=seed,
            stratify=data.target if classifying else None,
        )
        model = kind(n_stages=N_STAGES, early_stopping=False, random_state=seed)
        model.fit(X_train, y_train)
        curves.append([score(y_test, p) for p in model.staged_predict(X_test)][1:])
        lines.append(score(y_test, linear.fit(X_train, y_train).predict(X_test)))
    kept = model.to_network().stage_units[1:]
    mean, spread = np.mean(curves, axis=0), np.std(curves, axis=0)
    axes.fill_between(
        kept, mean - spread, mean + spread, color=BLUE, alpha=0.18, lw=0, label="± its deviation"
    )
    axes.plot(kept, mean, color=BLUE, lw=2, label=f"boosted network, mean of {N_SPLITS} splits")
    axes.axhline(
        np.mean(lines),
        color=GREEN,
        ls="--",
        lw=1.5,
        label="logistic regression" if classifying else "ridge regression",
    )
    axes.set(
        title=name, xlabel="hidden units kept", ylabel="test accuracy" if classifying else "test R²"
    )
    axes.margins(y=0.35)
    axes.legend(fontsize="small", loc="lower right")
figure.suptitle("Switching units off: score by the number of hidden units kept")
figure.savefig(OUT / "score_by_units.png")
plt.close(figure)

# %%
# Picture 3: decision boundaries on two moons. Stage 1 is linear, later stages bend it.
X_moons, y_moons = make_moons(300, noise=0.25, random_state=SEED)
moons = BoostedNetworkClassifier(n_stages=60, random_state=SEED).fit(X_moons, y_moons)
trees = HistGradientBoostingClassifier(random_state=SEED).fit(X_moons, y_moons)
few = min(6, moons.n_stages_ - 1)
low, high = X_moons.min(axis=0) - 0.4, X_moons.max(axis=0) + 0.4
grid = np.meshgrid(np.linspace(low[0], high[0], 220), np.linspace(low[1], high[1], 220))
points = np.column_stack([axis.ravel() for axis in grid])
views = {
    "linear stage": moons.predict_proba(points, n_stages=1),
    f"{few} stages": moons.predict_proba(points, n_stages=few),
    f"{moons.n_stages_} stages": moons.predict_proba(points),
    "HistGradientBoosting": trees.predict_proba(points),
}
figure, panels = plt.subplots(
    1, 4, figsize=(14, 3.9), layout="constrained", sharex=True, sharey=True
)
for axes, (title, probabilities) in zip(panels, views.items(), strict=True):
    surface = probabilities[:, 1].reshape(grid[0].shape)
    shades = axes.contourf(*grid, surface, levels=np.linspace(0, 1, 11), cmap="PuOr_r", alpha=0.45)
    axes.contour(*grid, surface, levels=[0.5], colors="black", linewidths=1.5)
    for label, colour, marker in ((0, "#4B2E83", "o"), (1, "#B34D00", "^")):
        rows = X_moons[y_moons == label]
        axes.scatter(
            *rows.T,
            s=14,
            c=colour,
            marker=marker,
            edgecolors="white",
            lw=0.4,
            label=f"class {label}",
        )
    axes.set(title=title, xlabel="first column")
    axes.grid(False)
panels[0].set_ylabel("second column")
panels[0].legend(loc="lower left", fontsize="small", frameon=True)
figure.colorbar(
    shades, ax=panels, label="probability of class 1", ticks=np.linspace(0, 1, 6), pad=0.01
)
figure.suptitle("Two moons: the boundary bends stage by stage (black line: probability 1/2)")
figure.savefig(OUT / "two_moons.png")
plt.close(figure)

# %%
# Picture 4: one column. Left, models that see one column alone, of the bundled wine set; right, what the column age
# adds in models of all ten columns of diabetes.
wine = load_wine()
flavanoids, colour_intensity = (
    wine.data[:, wine.feature_names.index(column)] for column in ("flavanoids", "color_intensity")
)
diabetes = SETS["diabetes"][0]
age = diabetes.feature_names.index("age")
styles = {
    "boosted network": (BoostedNetworkRegressor(random_state=SEED), BLUE, "-"),
    "HistGradientBoosting": (HistGradientBoostingRegressor(random_state=SEED), PURPLE, "-"),
    "ridge regression": (make_pipeline(StandardScaler(), Ridge()), GREEN, "--"),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.2), layout="constrained")
left.scatter(flavanoids, colour_intensity, s=12, color=GREY, alpha=0.5, label="rows")
along = np.linspace(flavanoids.min(), flavanoids.max(), 300)
years = np.linspace(diabetes.data[:, age].min(), diabetes.data[:, age].max(), 100)
for label, (model, colour, dashes) in styles.items():
    model.fit(flavanoids[:, None], colour_intensity)
    left.plot(along, model.predict(along[:, None]), color=colour, ls=dashes, lw=2, label=label)
    effect = partial_dependence(
        model.fit(diabetes.data, diabetes.target),
        diabetes.data,
        [age],
        custom_values={age: years},
        method="brute",
    )
    right.plot(years, effect["average"][0], color=colour, ls=dashes, lw=2, label=label)
left.set(title="wine: fitted to this column alone", xlabel="flavanoids", ylabel="colour intensity")
right.set(title="diabetes: partial effect of one column of ten", xlabel="age")
right.set_ylabel("mean predicted progression")
left.legend()
right.legend()
figure.suptitle("The fit of one column")
figure.savefig(OUT / "one_column.png")
plt.close(figure)
print(f"\nPictures: {', '.join(sorted(str(path) for path in OUT.glob('*.png')))}")

# %%
# What this shows. The network starts from a linear model, so it is never far behind one, and adds curved parts as long
# as held-out rows say that they pay; the second row of each table shows what becomes of probabilities without that
# advice. Its curves bend where trees make steps. Stages can be counted, stopped and switched off like trees, and the
# result is still one network. Do not use it where trees are the better choice: thresholds and jumps in the truth, many
# irrelevant or wildly skewed columns, interactions of categories with many values. And where the linear model is as
# good already, as for breast cancer and diabetes here, take the linear model.
