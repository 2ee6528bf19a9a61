"""Early stopping on your own validation rows, inside a pipeline.

Question: a network sits behind other steps of a pipeline, and the rows that shall decide when to stop are given (a
later month, another hospital). How do they reach the network in the form that the steps before it produce?

Data: handwritten digits; the last fifth of the training rows plays the part of the given validation rows.
"""

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skboost.networks import BoostedNetworkClassifier

QUICK = os.environ.get("SKBOOST_QUICK") == "1"
OUT = Path("out/networks/early_stopping_in_a_pipeline")
OUT.mkdir(parents=True, exist_ok=True)
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)

# %%
# Fit. Two things make it work: the network asks for `X_val` and `y_val` (`set_fit_request`, which needs metadata
# routing to be switched on), and the pipeline sends `X_val` through its steps like X (`transform_input`).
with config_context(enable_metadata_routing=True):
    network = BoostedNetworkClassifier(
        n_stages=40 if QUICK else 150, n_iter_no_change=20, random_state=0
    ).set_fit_request(X_val=True, y_val=True)
    pipeline = Pipeline(
        [
            ("scale", StandardScaler()),
            ("components", PCA(30, random_state=0)),
            ("network", network),
        ],
        transform_input=["X_val"],
    )
    pipeline.fit(X_train, y_train, X_val=X_val, y_val=y_val)

fitted = pipeline[-1]
rounds = len(fitted.train_loss_) - 1
print(
    f"{rounds} stages were fitted and the first {fitted.n_stages_} kept: {fitted.n_units_} hidden units."
)
print(f"test accuracy {pipeline.score(X_test, y_test):.4f}")

# %%
# Picture: the loss by stage on training, validation and (only to look at) test rows.
tests = [
    log_loss(y_test, probabilities)
    for probabilities in fitted.staged_predict_proba(pipeline[:-1].transform(X_test))
]
figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained", dpi=130)
stages = np.arange(rounds + 1)
axes.plot(stages, fitted.train_loss_, color=BLUE, lw=2, label="training rows")
axes.plot(stages, fitted.validation_loss_, color=ORANGE, lw=2, ls="--", label="validation rows")
axes.plot(
    stages[: len(tests)], tests, color=GREEN, lw=2, ls=":", label="test rows, of the stages kept"
)
axes.axvline(
    fitted.n_stages_, color="black", lw=1, label=f"kept: the first {fitted.n_stages_} stages"
)
axes.set(yscale="log", xlabel="stage (1 = linear stage)", ylabel="log loss")
axes.set_title("Early stopping on given rows, behind scaling and PCA")
axes.grid(color="#E3E3E3")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False)
figure.savefig(OUT / "loss_by_stage.png")
plt.close(figure)
print(f"picture: {OUT / 'loss_by_stage.png'}")

# %%
# What this shows. The training loss falls as long as stages are added; the loss on the validation rows says when they
# no longer help, and the network is cut back to that stage. Without metadata routing, or with X_val left out of
# `transform_input`, the network would refuse rows that have 64 columns where it was trained on 30. Where the rows are
# all of one kind, there is no need for any of this: `early_stopping=True` holds out a tenth of them by itself, in a
# pipeline too.
