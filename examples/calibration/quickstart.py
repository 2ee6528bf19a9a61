"""Calibrated probabilities on real data: a tour in one script.

Question: when a model says 80 %, does it happen in eight of ten cases; which calibrator mends it if not; and how would
you know with a few hundred rows?

Data: breast cancer (2 classes) without the columns of size, so that there is something to doubt, and digits (10
classes); both are bundled with scikit-learn.

Run it whole, or cell by cell in an editor that knows ``# %%``. It takes about twenty seconds and writes its pictures to
``out/calibration/quickstart``.
"""

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skboost.calibration import CalibratedClassifier, IsotonicScaler, ReliabilityDisplay
from skboost.metrics import calibration_test, corp_decomposition

OUT = Path("out/calibration/quickstart")
OUT.mkdir(parents=True, exist_ok=True)
SEED = 0
QUICK = os.environ.get("SKBOOST_QUICK") == "1"
N_SPLITS, N_DIGIT_SPLITS = (2, 1) if QUICK else (10, 3)
# Colours of Okabe and Ito, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6E6E6E"
plt.rcParams.update({"figure.dpi": 130, "legend.frameon": False})

# %%
# Before and after. Nothing but a wrapper: the scores that teach the calibrator come from rows that the model was not
# trained on, by cross-validation inside of `fit`. `MODELS` err in different ways.
cancer = load_breast_cancer()
SHAPE = ["mean texture", "mean smoothness", "mean compactness", "mean symmetry"]
shapes = cancer.data[:, [cancer.feature_names.tolist().index(name) for name in SHAPE]]
# the second label in the order of the alphabet, "malignant", is the event whose probability is meant
diagnosis = cancer.target_names[cancer.target]
X, X_test, y, y_test = train_test_split(
    shapes, diagnosis, test_size=0.5, stratify=diagnosis, random_state=SEED
)
MODELS = {
    "naive Bayes": GaussianNB(),
    "AdaBoost": AdaBoostClassifier(n_estimators=100, random_state=SEED),
    "random forest": RandomForestClassifier(random_state=SEED),
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
}
before = {name: model.fit(X, y) for name, model in MODELS.items()}
after = {name: CalibratedClassifier(model).fit(X, y) for name, model in MODELS.items()}
print(f"Breast cancer, {len(SHAPE)} columns: log loss on {len(y_test)} held-back rows")
print(f"  {'':<22}{'as it is':>10}{'calibrated':>12}")
for name in MODELS:
    losses = [log_loss(y_test, models[name].predict_proba(X_test)) for models in (before, after)]
    print(f"  {name:<22}{losses[0]:>10.3f}{losses[1]:>12.3f}")

# %%
# Picture 1: reliability diagrams. The bars around the diagonal are where the points of a perfectly calibrated model
# fall, in nine of ten draws: only points outside of their bars speak against a model.
figure, panels = plt.subplots(1, 4, figsize=(15.5, 5.1), layout="constrained")
for axes, name in zip(panels, MODELS, strict=True):
    for models, label, colour in ((before, "as it is", ORANGE), (after, "calibrated", BLUE)):
        ReliabilityDisplay.from_estimator(
            models[name], X_test, y_test, name=label, ax=axes, random_state=SEED, color=colour
        )
    axes.set_title(name)
figure.suptitle(
    "Breast cancer by shape: observed frequency of “malignant” by predicted probability"
)
figure.savefig(OUT / "reliability.png")
plt.close(figure)

# %%
# Which calibrator? Models are fitted once a split and frozen, so that every method calibrates the same model on the
# same rows: 40 % of them train, 30 % calibrate, 30 % test.
METHODS = {
    "as it is": None,
    "sigmoid (Platt)": "sigmoid",
    "beta": "beta",
    "isotonic": "isotonic",
    "isotonic, not clipped": IsotonicScaler(clip=False),
    "temperature": "temperature",
    "structured (default)": "structured",
    "Venn-ABERS": "venn_abers",
}


def three_parts(X, y, seed):
    """Rows that train, that calibrate, and that test."""
    X_train, X_rest, y_train, y_rest = train_test_split(
        X, y, test_size=0.6, stratify=y, random_state=seed
    )
    halves = train_test_split(X_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=seed)
    return X_train, y_train, halves[0], halves[2], halves[1], halves[3]


def calibrated(model, method, X, y):
    """A fitted model that stays as it is, behind a calibrator that learns from all rows given."""
    if method is None:
        return model
    return CalibratedClassifier(FrozenEstimator(model), method).fit(X, y)


def judged(y, probability):
    """Proper scores first, then the calibration error with what it would be by chance, then the parts of Brier."""
    event = probability[:, 1]
    test = calibration_test(y, event, kind="binary", n_resamples=300, random_state=SEED)
    parts = corp_decomposition(y, event)
    return [
        log_loss(y, probability),
        brier_score_loss(y, event, pos_label="malignant"),
        test.error,
        test.floor,
        test.p_value < 0.05,
        parts.miscalibration,
        parts.discrimination,
    ]


found = {(name, method): [] for name in MODELS for method in METHODS}
for seed in range(N_SPLITS):
    X_train, y_train, X_cal, y_cal, X_test, y_test = three_parts(shapes, diagnosis, seed)
    for name, model in MODELS.items():
        model.fit(X_train, y_train)
        for label, method in METHODS.items():
            probability = calibrated(model, method, X_cal, y_cal).predict_proba(X_test)
            found[name, label].append(judged(y_test, probability))
print(f"\nMethods, mean of {N_SPLITS} splits: {len(y_cal)} rows calibrate, {len(y_test)} test")
print(
    f"{'':<25}{'log loss':>9}{'Brier':>7}{'ECE':>7}{'floor':>7}{'p < .05':>9}{'MCB':>8}{'DSC':>7}"
)
for name in MODELS:
    print(name)
    for label in METHODS:
        loss, brier, error, floor, objects, miscalibration, discrimination = np.mean(
            found[name, label], axis=0
        )
        print(
            f"  {label:<23}{loss:>9.3f}{brier:>7.3f}{error:>7.3f}{floor:>7.3f}{objects:>9.0%}"
            f"{miscalibration:>8.3f}{discrimination:>7.3f}"
        )
print("ECE: 15 bins; floor: what it would be by chance if the probabilities were perfect;")
print("p < .05: splits in which it is larger than chance; MCB - DSC + the same for all = Brier.")

# %%
# How sure is a probability? Venn-ABERS gives two answers a patient: p0 as if the patient were one more calibration row
# with the label benign, p1 with malignant. Here calibration rows arrive by and by, and the model stays as it is:
# `fit_calibration` learns from them.
X_train, X_rest, y_train, y_rest = train_test_split(
    shapes, diagnosis, train_size=0.3, stratify=diagnosis, random_state=SEED
)
X_cal, X_test, y_cal, y_test = train_test_split(
    X_rest, y_rest, train_size=250, stratify=y_rest, random_state=SEED
)
forest = RandomForestClassifier(random_state=SEED).fit(X_train, y_train)
model = CalibratedClassifier(FrozenEstimator(forest), "venn_abers").fit(X_cal, y_cal)
merged = model.predict_proba(X_test)[:, 1]
shown = [int(np.abs(merged - p).argmin()) for p in np.linspace(merged.min(), merged.max(), 9)]
SIZES = [20, 80, len(y_cal)]
intervals = {}
for n in SIZES:
    model.fit_calibration(X_cal[:n], y_cal[:n])
    intervals[n] = model.predict_proba_interval(X_test), model.predict_proba(X_test)[:, 1]
print("\nVenn-ABERS intervals p0 - p1 of nine patients, by the number of calibration rows")
print(f"  {'forest says':<12}" + "".join(f"{f'{n} rows':>16}" for n in SIZES) + f"{'truth':>12}")
for row in shown:
    cells = "".join("{:>9.2f} - {:.2f}".format(*intervals[n][0][row]) for n in SIZES)
    print(f"  {forest.predict_proba(X_test[[row]])[0, 1]:<12.2f}{cells}{y_test[row]:>12}")

# %%
# Picture 2: the intervals of these patients, and how their width shrinks over all held-back patients.
figure, (left, right) = plt.subplots(
    1, 2, figsize=(12, 4.6), layout="constrained", width_ratios=[1.6, 1]
)
for n, colour, shift in zip(SIZES, (ORANGE, PURPLE, BLUE), (-0.22, 0, 0.22), strict=True):
    (p0, p1), p = intervals[n][0][shown].T, intervals[n][1][shown]
    places = np.arange(len(shown)) + shift
    left.vlines(places, p0, p1, color=colour, lw=6, alpha=0.4, label=f"{n} calibration rows")
    left.plot(places, p, "o", color=colour, ms=5)
left.set_xticks(range(len(shown)), y_test[shown], fontsize="small")
left.set(title="nine held-back patients", ylabel="probability of “malignant”", ylim=(-0.02, 1.02))
left.legend(loc="upper left", title="from p0 to p1", alignment="left")
sizes = np.unique(np.geomspace(10, len(y_cal), 4 if QUICK else 12).astype(int))
widths = []
for n in sizes:
    ends = model.fit_calibration(X_cal[:n], y_cal[:n]).predict_proba_interval(X_test)
    widths.append(ends[:, 1] - ends[:, 0])
low, middle, high = np.quantile(widths, [0.1, 0.5, 0.9], axis=1)
right.fill_between(sizes, low, high, color=GREY, alpha=0.2, lw=0, label="eight in ten patients")
right.plot(sizes, middle, "o-", color=GREY, label="median")
right.set(title="all held-back patients", xlabel="calibration rows", ylabel="p1 − p0")
right.set(xscale="log", ylim=(0, None))
right.set_xticks([10, 20, 50, 100, 200], labels=["10", "20", "50", "100", "200"])
right.minorticks_off()
right.legend()
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, axis="y", color="#E6E6E6")
    axes.set_axisbelow(True)
figure.suptitle("Venn-ABERS: how far one more label moves the answer")
figure.savefig(OUT / "intervals.png")
plt.close(figure)

# %%
# Later rows. Suppose that another hospital measures texture a sixth lower: the order of its patients hardly changes,
# but what the model says of them is wrong. Sixty of them put it right, and the model is not touched.
model = CalibratedClassifier(MODELS["logistic regression"], "sigmoid").fit(X_cal, y_cal)
elsewhere = X_test * [0.83, 1.0, 1.0, 1.0]
arrived, later = np.arange(60), np.arange(60, len(y_test))


def loss_later(X):
    """Log loss of the patients that come after those that arrived."""
    return log_loss(y_test[later], model.predict_proba(X[later]))


print(f"\nLogistic regression with Platt scaling: log loss of the last {len(later)} patients")
print(f"  measured as the others {loss_later(X_test):>24.3f}")
print(f"  measured lower {loss_later(elsewhere):>32.3f}")
model.fit_calibration(elsewhere[arrived], y_test[arrived])
print(f"  measured lower, after fit_calibration {loss_later(elsewhere):>9.3f}")

# %%
# Ten classes. Methods for two classes are used for each class against the rest; temperature and structured scaling
# know all classes at once. The error of the top label asks: when the largest probability is .9, is the label right in
# nine of ten cases?
digits = load_digits()
DIGIT_MODELS = {
    "naive Bayes": GaussianNB(var_smoothing=1e-3),  # some pixels are always white
    "random forest": RandomForestClassifier(random_state=SEED),
}
DIGIT_METHODS = [
    "as it is",
    "sigmoid (Platt)",
    "isotonic",
    "temperature",
    "structured (default)",
    "Venn-ABERS",
]
print(f"\nDigits, mean of {N_DIGIT_SPLITS} splits")
print(f"{'':<25}{'log loss':>9}{'accuracy':>10}{'ECE of the top label':>22}{'floor':>7}")
said = {}
for name, model in DIGIT_MODELS.items():
    found = {label: [] for label in DIGIT_METHODS}
    for seed in range(N_DIGIT_SPLITS):
        X_train, y_train, X_cal, y_cal, X_test, y_test = three_parts(
            digits.data, digits.target, seed
        )
        model.fit(X_train, y_train)
        for label in DIGIT_METHODS:
            wrapped = calibrated(model, METHODS[label], X_cal, y_cal)
            probability = wrapped.predict_proba(X_test)
            test = calibration_test(
                y_test, probability, kind="top_label", n_resamples=300, random_state=SEED
            )
            accuracy = accuracy_score(y_test, probability.argmax(axis=1))
            found[label].append([log_loss(y_test, probability), accuracy, test.error, test.floor])
            said[name, label] = y_test, probability
    print(name)
    for label in DIGIT_METHODS:
        loss, accuracy, error, floor = np.mean(found[label], axis=0)
        print(f"  {label:<23}{loss:>9.3f}{accuracy:>10.3f}{error:>22.3f}{floor:>7.3f}")

# %%
# Picture 3: is the most probable digit the right one?
figure, panels = plt.subplots(1, 2, figsize=(9.6, 5.4), layout="constrained")
for axes, name in zip(panels, DIGIT_MODELS, strict=True):
    for label, colour in (
        ("as it is", ORANGE),
        ("Venn-ABERS", GREEN),
        ("structured (default)", BLUE),
    ):
        y_true, probability = said[name, label]
        ReliabilityDisplay.from_predictions(
            y_true,
            probability,
            kind="top_label",
            n_bins=8,
            name=label,
            ax=axes,
            random_state=SEED,
            color=colour,
        )
    axes.legend(loc="lower right", fontsize="small")
    axes.set(title=name)
figure.suptitle("Digits: how often the most probable digit is right")
figure.savefig(OUT / "digits.png")
plt.close(figure)
print(f"\nPictures in {OUT}: reliability.png, intervals.png, digits.png")

# %%
# What this shows. Naive Bayes is too sure of itself, AdaBoost not sure at all, and a few hundred rows mend both;
# logistic regression was right from the start, and calibrating it gains nothing: look before you calibrate. The smooth
# methods (Platt, beta, temperature, structured) are within a hundredth of one another; isotonic regression wants more
# rows, and unless it is kept from saying 0 and 1 it pays for being wrong with certainty. Read the calibration error
# beside its floor: with 171 rows perfect probabilities have an error of .08, so most of the differences in that column
# mean nothing, and log loss decides. It also falls where a method says little: a few flat steps have a low floor. The
# intervals of Venn-ABERS are narrow where many calibration rows had such scores. They are no confidence intervals: with
# more rows some of the patients above leave the interval that they had with fewer. With ten classes and fifty
# calibration rows a class, methods that go class by class are under-confident, and those that share what they learn
# win. None of this holds where later patients differ from the calibration rows, unless some of them can be had.
