"""Tuning a boosted network with Optuna.

Question: which learning rate, width and penalty suit these data, and what does it gain over the defaults?

Data: breast cancer, bundled with scikit-learn. Every trial is judged by the log loss of 3-fold cross-validation on the
training rows; test rows are used once, at the end. Needs ``pip install optuna``.
"""

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import optuna
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score, train_test_split

from skboost.networks import BoostedNetworkClassifier

QUICK = os.environ.get("SKBOOST_QUICK") == "1"
OUT = Path("out/tuning_with_optuna")
OUT.mkdir(parents=True, exist_ok=True)
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#6E6E6E"
N_TRIALS = 4 if QUICK else 40
N_STAGES = 10 if QUICK else 40

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)


# %%
# The objective is a plain function. Penalties and rates act by their order of magnitude, hence the logarithms.
def build(**chosen):
    """A network with these parameters and defaults for all others."""
    return BoostedNetworkClassifier(random_state=0, **chosen)


def objective(trial):
    """Mean log loss of three folds."""
    model = build(
        n_stages=trial.suggest_int("n_stages", 1, N_STAGES, log=True),
        learning_rate=trial.suggest_float("learning_rate", 0.03, 1.0, log=True),
        units_per_stage=trial.suggest_int("units_per_stage", 1, 20, log=True),
        alpha=trial.suggest_float("alpha", 0.1, 50.0, log=True),
        linear_alpha=trial.suggest_float("linear_alpha", 0.1, 100.0, log=True),
        max_features=trial.suggest_float("max_features", 0.1, 1.0),
    )
    return -cross_val_score(model, X_train, y_train, cv=3, scoring="neg_log_loss").mean()


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
study.optimize(objective, n_trials=N_TRIALS)
print(f"best of {N_TRIALS} trials: log loss {study.best_value:.4f} in cross-validation")
for name, value in study.best_params.items():
    print(f"  {name:<16}{value:.4g}")

# %%
# The test rows, once.
print(f"{'on test rows':<16}{'accuracy':>10}{'log loss':>10}{'hidden units':>14}")
for name, model in {"defaults": build(), "tuned": build(**study.best_params)}.items():
    model.fit(X_train, y_train)
    loss = log_loss(y_test, model.predict_proba(X_test))
    print(f"{name:<16}{model.score(X_test, y_test):>10.4f}{loss:>10.4f}{model.n_units_:>14}")

# %%
# Picture: the search by trial, beside the defaults under the same folds.
values = np.array([trial.value for trial in study.trials])
default = -cross_val_score(build(), X_train, y_train, cv=3, scoring="neg_log_loss").mean()
figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained", dpi=130)
trials = np.arange(1, len(values) + 1)
axes.plot(trials, values, "o", color=GREY, ms=5, label="a trial")
axes.step(
    trials, np.minimum.accumulate(values), color=BLUE, lw=2, where="post", label="best so far"
)
axes.axhline(default, color=ORANGE, lw=1.5, ls="--", label="defaults")
axes.set(
    xlabel="trial",
    ylabel="log loss, 3-fold cross-validation",
    title="Tuning a boosted network on breast cancer",
)
axes.set_ylim(top=min(axes.get_ylim()[1], 3 * default))
axes.grid(color="#E3E3E3")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False)
figure.savefig(OUT / "trials.png")
plt.close(figure)
print(f"picture: {OUT / 'trials.png'}")

# %%
# What this shows. On a small set that is nearly linear, tuning mostly finds out how little to add to the linear stage,
# that is, few stages or strong penalties. The best cross-validated loss is optimistic, because it was chosen among
# many: only the test rows tell. With a few hundred rows their verdict is noisy too; do not tune for the last digit.
