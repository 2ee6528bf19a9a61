"""A boosted network as the last layers of a deep network.

Question: a perceptron is trained already. Is its output layer the best that can be made of its features?

Data: handwritten digits, bundled with scikit-learn.
"""

# %%
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skboost.networks import BoostedHeadClassifier, BoostedNetworkClassifier

QUICK = os.environ.get("SKBOOST_QUICK") == "1"
OUT = Path("out/networks/head_on_a_deep_network")
OUT.mkdir(parents=True, exist_ok=True)
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6E6E6E"

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
# the perceptron learns from the first half of the training rows, heads from the second
X_deep, X_head, y_deep, y_head = train_test_split(
    X_train, y_train, test_size=0.5, stratify=y_train, random_state=0
)

# %%
# A trained perceptron, taken as given. Its two hidden layers are the features.
perceptron = make_pipeline(
    StandardScaler(), MLPClassifier((64, 32), max_iter=30 if QUICK else 200, random_state=0)
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # it need not have converged to be useful
    perceptron.fit(X_deep, y_deep)
    same_on_all_rows = clone(perceptron).fit(X_train, y_train)

# %%
# The head is fitted to rows that the perceptron has not seen: on its own rows it is more certain than it should be, and
# a head would learn to trust it too much.
head = BoostedHeadClassifier(
    FrozenEstimator(perceptron),
    BoostedNetworkClassifier(n_stages=10 if QUICK else 100, numeric_scaling="standard"),
    random_state=0,
).fit(X_head, y_head)
alone = BoostedNetworkClassifier(n_stages=10 if QUICK else 100, random_state=0)
alone.fit(X_train, y_train)
print(f"{'on test rows':<40}{'accuracy':>10}{'log loss':>10}")
for name, model in {
    "perceptron": perceptron,
    "perceptron with a boosted head": head,
    "perceptron, all rows": same_on_all_rows,
    "boosted network alone, all rows": alone,
}.items():
    loss = log_loss(y_test, model.predict_proba(X_test))
    print(f"{name:<40}{model.score(X_test, y_test):>10.4f}{loss:>10.4f}")

# %%
# One deep network: the hidden layers of the perceptron, the boosted layer, the output.
deep = head.to_layers()
scaled = perceptron[:-1].transform(X_test)
difference = np.abs(deep.predict_proba(scaled) - head.predict_proba(X_test)).max()
print(f"{deep}; largest difference from extractor and head: {difference:.1e}")

# %%
# Picture: what the stages of the head add to the features.
staged = [
    log_loss(y_test, head.predict_proba(X_test, n_stages=n))
    for n in range(head.head_.n_stages_ + 1)
]
lines = {
    "perceptron's own output layer": (perceptron, ORANGE, "--"),
    "perceptron, all rows": (same_on_all_rows, GREY, "-."),
    "boosted network alone, all rows": (alone, GREEN, ":"),
}
figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained", dpi=130)
axes.plot(
    range(1, len(staged)), staged[1:], color=BLUE, lw=2, marker="o", ms=3, label="boosted head"
)
for name, (model, colour, dashes) in lines.items():
    level = log_loss(y_test, model.predict_proba(X_test))
    axes.axhline(level, color=colour, ls=dashes, lw=2, label=name)
axes.set(
    xlabel="stages of the head (1 = linear stage)", ylabel="log loss on test rows", ylim=(0, None)
)
axes.set_title("A boosted head on the features of a perceptron")
axes.grid(color="#E3E3E3")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, loc="center", bbox_to_anchor=(0.5, 0.32))
figure.savefig(OUT / "loss_by_stage.png")
plt.close(figure)
print(f"picture: {OUT / 'loss_by_stage.png'}")

# %%
# What this shows. The features of the perceptron hold more than its own output layer makes of them: fitted to the other
# half of the rows, a boosted head has fewer errors and better probabilities than the perceptron that learned from all
# rows. Most of it is the doing of the linear stage, an output layer that is penalised and has rows of its own. And
# the picture shows when not to bother: where a boosted network on the raw columns is better still, as here, the deep
# features were not needed. Use a head where they are, on images, sounds and texts, behind a network that somebody else
# has trained.
