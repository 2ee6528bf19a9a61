"""A radiomics study of a hundred patients, replayed: what is gained by answering for certain patients only?

Question: with 101 patients, leave-one-out and four models, which method of uncertainty helps, what does its gain
consist of, and how far can the figures of such a study be trusted?

Data: breast cancer (bundled with scikit-learn) made hard: the seven columns that say least by themselves and twenty
columns of noise, 101 patients at a time. The other 468 patients, whom a real study does not have, tell what is true.

C. Puttanawarut, R. S. Wabina and N. Sirirutbunkajorn, "Uncertainty quantification for improving radiomic-based models
in radiation pneumonitis prediction", arXiv:2412.19511. Their 101 patients are private and this script knows only their
abstract: it replays the protocol, not the numbers. It takes a few minutes on two cores and writes its pictures to
``out/calibration/papers/radiomics_protocol``.
"""

# %%
import importlib.util
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    LeaveOneOut,
    RepeatedStratifiedKFold,
    cross_val_predict,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skboost.calibration import (
    BinaryCalibrator,
    CalibratedClassifier,
    IsotonicScaler,
    PlattScaler,
    ReliabilityDisplay,
    SelectiveReport,
    VennAbersScaler,
    selective_report,
)
from skboost.exceptions import UncertaintyWarning

QUICK = os.environ.get("SKBOOST_QUICK") == "1"
OUT = Path("out/calibration/papers/radiomics_protocol")
OUT.mkdir(parents=True, exist_ok=True)
N_PATIENTS, N_NOISE = (25, 5) if QUICK else (101, 20)
DRAWS = range(1 if QUICK else 6)
N_TREES = 5 if QUICK else 50
N_REPEATS = 1 if QUICK else 4
N_JOBS = 1 if QUICK else -1
FEWEST = 3 if QUICK else 10  # no figures of fewer patients than these
CERTAINTIES = [0.5, 0.6, 0.7, 0.8, 0.9]
# Colours of Okabe and Ito, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, PURPLE, SKY, GREY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#6E6E6E",
)
plt.rcParams.update(
    {
        "figure.dpi": 130,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#E6E6E6",
        "axes.axisbelow": True,
        "legend.frameon": False,
    }
)

# %%
# The patients. Columns are chosen by their own AUROC over all patients, which no study could do; here they only have to
# be weak. Each draw is a study of its own with noise of its own, and all patients that it does not have.
cancer = load_breast_cancer()
malignant = (cancer.target == 0).astype(int)
strength = [abs(roc_auc_score(malignant, column) - 0.5) for column in cancer.data.T]
weak = np.argsort(strength)[:7]
print(f"{len(DRAWS)} studies of {N_PATIENTS} patients, {malignant.mean():.0%} of them ill")
print(f"weak columns: {', '.join(cancer.feature_names[weak])}; and {N_NOISE} of noise")


def study(draw):
    """Patients of a study, all others, and the outcomes of both."""
    noise = np.random.default_rng(draw).normal(size=(len(malignant), N_NOISE))
    columns = np.hstack([cancer.data[:, weak], noise])
    return train_test_split(
        columns, malignant, train_size=N_PATIENTS, stratify=malignant, random_state=draw
    )


def boosted_trees():
    """XGBoost, as in the paper, where it is installed."""
    if importlib.util.find_spec("xgboost"):
        from xgboost import XGBClassifier

        return XGBClassifier(n_estimators=N_TREES, n_jobs=1)
    return HistGradientBoostingClassifier(max_iter=N_TREES)


STUDIES = [study(draw) for draw in DRAWS]
MODELS = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
    "SVM": make_pipeline(StandardScaler(), SVC()),
    "boosted trees": boosted_trees(),
    "random forest": RandomForestClassifier(N_TREES, random_state=0),
}


# %%
# The methods. Three are calibrators of the library. Conformal prediction gives each label a p-value; their ratio is
# read as a probability here, which it is not, and a few lines make it a calibrator like the others. The last one is our
# control: Platt's probabilities as they would be if both labels were equally frequent. It has nothing conformal.
class ConformalRatio(BinaryCalibrator):
    """p(1) / (p(0) + p(1)) of two class-conditional p-values: is the score odd among those of the label?

    p(1) = (1 + #{i: y_i = 1, s_i <= s}) / (1 + #{i: y_i = 1}), and p(0) likewise with s_i >= s. Each label has
    its own denominator, so that frequencies of labels cancel. Rows count once, whatever their weights.
    """

    def __init__(self, *, input="probability", classes=None, multi_class="one_vs_rest"):
        self.input = input
        self.classes = classes
        self.multi_class = multi_class

    def _fit_map(self, scores, y, weight):
        well, ill = np.sort(scores[y == 0]), np.sort(scores[y == 1])

        def ratio(new):
            p0 = (1 + len(well) - np.searchsorted(well, new, side="left")) / (1 + len(well))
            p1 = (1 + np.searchsorted(ill, new, side="right")) / (1 + len(ill))
            return p1 / (p0 + p1)

        return ratio


class PlattAtEvenOdds(PlattScaler):
    """Platt scaling, with the odds of the calibration rows divided out."""

    def _fit_map(self, scores, y, weight):
        platt = super()._fit_map(scores, y, weight)
        odds = weight[y == 1].sum() / weight[y == 0].sum()
        return lambda new: platt(new) / (platt(new) + odds * (1 - platt(new)))


SCALERS = {
    "Platt": PlattScaler(),
    "isotonic": IsotonicScaler(),
    "Venn-ABERS": VennAbersScaler(),
    "conformal": ConformalRatio(),
    "Platt, even odds": PlattAtEvenOdds(),
}
METHODS = ["as it is", *SCALERS]
STYLES = {
    "as it is": {"color": GREY, "marker": "s"},
    "Platt": {"color": BLUE, "marker": "o"},
    "isotonic": {"color": PURPLE, "marker": "^"},
    "Venn-ABERS": {"color": GREEN, "marker": "D"},
    "conformal": {"color": ORANGE, "marker": "o"},
    "Platt, even odds": {"color": SKY, "marker": "v", "linestyle": "--"},
}


# %%
# The protocol. Calibration is nested: whoever is predicted is left out, and the calibrators learn from scores that five
# inner folds give to all others. The methods share the models, so that they differ in nothing else.
def answers(model, X, y, X_new):
    """What each method says of the rows of X_new, shape (n_methods, n_new)."""
    linear = hasattr(model, "decision_function")
    method = "decision_function" if linear else "predict_proba"
    inner = cross_val_predict(model, X, y, cv=5, method=method)
    new = getattr(clone(model).fit(X, y), method)(X_new)
    if not linear:
        inner, new = inner[:, 1], new[:, 1]
    # the margin of an SVM is read as log-odds, for want of probabilities
    said = [1 / (1 + np.exp(-new)) if linear else new]
    with warnings.catch_warnings():
        # so few patients can make scores point the wrong way, and Platt scaling says so
        warnings.simplefilter("ignore", UncertaintyWarning)
        for scaler in SCALERS.values():
            calibrator = clone(scaler).set_params(input="logit" if linear else "probability")
            said.append(calibrator.fit(inner, y).transform(new))
    return np.array(said)


one = 7
X, _, y, _ = STUDIES[0]
others = np.arange(N_PATIENTS) != one
nested = answers(MODELS["SVM"], X[others], y[others], X[[one]])[1:, 0]
print("\nOne patient left out; the loop of this script, and CalibratedClassifier")
for (name, scaler), said in zip(SCALERS.items(), nested, strict=True):
    model = CalibratedClassifier(MODELS["SVM"], scaler, cv=5, ensemble=False)
    library = model.fit(X[others], y[others]).predict_proba(X[[one]])[0, 1]
    print(f"  {name:<18}{said:>8.4f}{library:>8.4f}")


# %%
# Three ways to judge: patients left out one by one, as in the paper; repeated stratified folds; and the patients whom
# the study does not have, predicted by models and calibrators of all 101.
def splits(protocol, y):
    """Passes of a protocol over the patients of a study: lists of test rows."""
    if protocol == "left out":
        return [[test for _, test in LeaveOneOut().split(y)]]
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=N_REPEATS, random_state=0)
    tests = [test for _, test in folds.split(y, y)]
    return [tests[i : i + 5] for i in range(0, len(tests), 5)]


def jobs():
    """Every fit of the study, in the order in which `gathered` takes the results."""
    for model in MODELS.values():
        for X, X_rest, y, _ in STUDIES:
            for protocol in ("left out", "folds"):
                for test in (test for tests in splits(protocol, y) for test in tests):
                    train = np.setdiff1d(np.arange(N_PATIENTS), test)
                    yield delayed(answers)(model, X[train], y[train], X[test])
            yield delayed(answers)(model, X, y, X_rest)


def gathered(results):
    """(protocol, model) -> for each study a list of passes: outcomes, answers, and folds of the rows."""
    found = {(p, name): [] for p in ("left out", "folds", "others") for name in MODELS}
    for name in MODELS:
        for _, _, y, y_rest in STUDIES:
            for protocol in ("left out", "folds"):
                passes = []
                for tests in splits(protocol, y):
                    said = np.empty((len(METHODS), len(y)))
                    folds = np.empty(len(y), dtype=int)
                    for number, test in enumerate(tests):
                        said[:, test], folds[test] = next(results), number
                    passes.append((y, said, folds))
                found[protocol, name].append(passes)
            found["others", name].append([(y_rest, next(results), None)])
    return found


said = gathered(iter(Parallel(n_jobs=N_JOBS)(jobs())))


# %%
# Figures of all studies, by the certainty that is asked for. The certainty of a probability is max(p, 1 - p).
def figures(protocol, name, method, share=False, figure="auroc"):
    """A figure at each certainty (or share of the rows kept), one line a study."""
    lines = []
    for passes in said[protocol, name]:
        found = []
        for y, rows, folds in passes:
            prob = rows[METHODS.index(method)]
            certainty, thresholds = np.maximum(prob, 1 - prob), CERTAINTIES
            if share:  # the same number of rows, whatever a method calls certain
                certainty = rankdata(certainty, method="max") / len(y)
                thresholds = [1 - kept + 0.5 / len(y) for kept in SHARES]
            report = selective_report(
                y,
                prob,
                certainty=certainty,
                thresholds=thresholds,
                folds=folds if figure == "auroc_within" else None,
                n_resamples=0,
            )
            enough = (report.n_kept >= FEWEST) | (figure == "kept")
            found.append(np.where(enough, getattr(report, figure), np.nan))
        lines.append(mean_of_known(found))
    return np.array(lines)


def mean_of_known(lines):
    """Means over lines where at least half of them have a number."""
    lines = np.asarray(lines)
    n_known = (~np.isnan(lines)).sum(axis=0)
    known = 2 * n_known >= len(lines)
    return np.where(known, np.nansum(lines, axis=0) / np.maximum(n_known, 1), np.nan)


def short(value):
    """Two digits: .75, or 1.0."""
    return "-" if np.isnan(value) else f"{value:.2f}".removeprefix("0")[:3]


COLUMNS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "event_rate": "ill, of kept",
    "calibration_error": "ACE, 5 bins",
    "kept": "kept",
}
SHARES = [1.0, 0.7, 0.5, 0.35, 0.2]


def print_figures(title, protocol):
    """A block of columns for each figure, one column a certainty."""
    print(f"\n{title}; mean of the studies that keep {FEWEST} of them, if at least half do")
    print(f"{'least certainty':<18}" + "".join(f"  {label:<20}" for label in COLUMNS.values()))
    print(" " * 18 + ("  " + "".join(f"{short(c):<4}" for c in CERTAINTIES)) * len(COLUMNS))
    for name in MODELS:
        print(name)
        for method in METHODS:
            blocks = [mean_of_known(figures(protocol, name, method, figure=f)) for f in COLUMNS]
            cells = ("  " + "".join(f"{short(v):<4}" for v in block) for block in blocks)
            print(f"  {method:<16}" + "".join(cells))


print_figures("Patients left out one by one", "left out")
print_figures(f"The {len(STUDIES[0][3])} patients of no study", "others")

# %%
# Beside the paper. Data, features and perhaps definitions differ: that the numbers are near is no reproduction.
PAPER = [
    ("logistic regression", 0.8, "AUROC", "auroc", "0.75 ± 0.01"),
    ("logistic regression", 0.8, "AUPRC", "auprc", "0.74 ± 0.01"),
    ("boosted trees", 0.9, "AUROC", "auroc", "0.67 ± 0.04"),
    ("boosted trees", 0.9, "AUPRC", "auprc", "0.82 ± 0.02"),
]


def with_error(lines):
    """Mean and standard error over the studies, as text."""
    error = np.nanstd(lines, ddof=1) / len(lines) ** 0.5 if len(lines) > 1 else np.nan
    return f"{mean_of_known(lines):.2f}" + ("" if np.isnan(error) else f" ± {error:.2f}")


print(f"\n{'conformal':<38}{'their abstract':>18}{'left out':>16}{'others':>16}{'kept':>8}")
for name, certainty, label, figure, published in PAPER:
    at = CERTAINTIES.index(certainty)
    ours = [
        with_error(figures(protocol, name, "conformal", figure=figure)[:, at])
        for protocol in ("left out", "others")
    ]
    kept = mean_of_known(figures("left out", name, "conformal", figure="kept"))[at]
    print(
        f"{name:<20} at {certainty}  {label:<11}{published:>18}{ours[0]:>16}{ours[1]:>16}{kept:>8.0%}"
    )

# %%
# One study with its bootstrap intervals: what a reader of a single paper can know.
reports = {}
for method in ("Platt", "Venn-ABERS", "conformal"):
    y, rows, _ = said["left out", "logistic regression"][0][0]
    reports[method] = selective_report(y, rows[METHODS.index(method)], random_state=0)
    print(f"\nThe first study, logistic regression, {method}\n{reports[method]}")

# %%
# Leave-one-out by itself. The model of a left-out patient has seen one patient less of this patient's kind, so that its
# base rate points the wrong way. A model that says nothing but the base rate ranks all patients in the wrong order.
X, _, y, _ = STUDIES[0]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    constant = SelectiveReport.from_estimator(
        DummyClassifier(), X, y, cv=LeaveOneOut(), thresholds=[0.5], n_resamples=0
    )
print(f"\nA model without any column, patients left out one by one: AUROC {constant.auroc[0]}")
print(f"The report warns: {caught[0].message}")
print(f"\nAUROC of all patients, mean of {len(DRAWS)} studies")
print(f"{'':<18}{'left out':>12}{'folds, pooled':>15}{'within folds':>14}{'others':>9}")
auroc = {}
for name in MODELS:
    print(name)
    for method in METHODS:
        auroc[name, method] = [
            mean_of_known(figures("left out", name, method))[0],
            mean_of_known(figures("folds", name, method))[0],
            mean_of_known(figures("folds", name, method, figure="auroc_within"))[0],
            mean_of_known(figures("others", name, method))[0],
        ]
        cells = zip(auroc[name, method], (12, 15, 14, 9), strict=True)
        print(f"  {method:<16}" + "".join(f"{value:>{width}.3f}" for value, width in cells))

# %%
# The gain, taken apart. At the same certainty methods keep different shares of the patients; so let all keep the same.
print("\nThe patients of no study, as many kept by each method (more where certainties tie)")
print(f"{'share kept':<18}  {'AUROC':<24}  {'accuracy':<24}")
print(" " * 18 + ("  " + "".join(f"{short(s):<5}" for s in SHARES)) * 2)
for name in MODELS:
    print(name)
    for method in METHODS:
        blocks = [
            mean_of_known(figures("others", name, method, share=True, figure=f))
            for f in ("auroc", "accuracy")
        ]
        cells = ("  " + "".join(f"{short(v):<5}" for v in block) for block in blocks)
        print(f"  {method:<16}" + "".join(cells))

# %%
# Picture 1: what a paper would show, AUROC and share of the patients kept by least certainty, and the truth.
figure, panels = plt.subplots(
    3, 4, figsize=(13, 8.6), layout="constrained", sharex=True, sharey="row"
)
ROWS = [
    ("AUROC, left out", "left out", "auroc"),
    ("AUROC, other patients", "others", "auroc"),
    ("share kept, other patients", "others", "kept"),
]
for line, (label, protocol, what) in zip(panels, ROWS, strict=True):
    for axes, name in zip(line, MODELS, strict=True):
        for method, style in STYLES.items():
            values = mean_of_known(figures(protocol, name, method, figure=what))
            axes.plot(CERTAINTIES, values, lw=1.8, ms=5, label=method, **style)
        axes.set_xticks(CERTAINTIES)
    line[0].set_ylabel(label)
for axes in panels[-1]:
    axes.set_xlabel("least certainty")
for axes, name in zip(panels[0], MODELS, strict=True):
    axes.set_title(name)
for axes in panels[:2].ravel():
    axes.axhline(0.5, color="black", lw=0.8, ls=":")
figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
figure.suptitle(f"Answering for certain patients only (mean of {len(DRAWS)} studies)")
figure.savefig(OUT / "by_certainty.png")
plt.close(figure)

# %%
# Picture 2: the same share kept by all.
figure, panels = plt.subplots(
    2, 4, figsize=(13, 6.4), layout="constrained", sharex=True, sharey="row"
)
for line, (label, what) in zip(
    panels, {"AUROC": "auroc", "accuracy": "accuracy"}.items(), strict=True
):
    for axes, name in zip(line, MODELS, strict=True):
        for method, style in STYLES.items():
            values = mean_of_known(figures("others", name, method, share=True, figure=what))
            kept = mean_of_known(figures("others", name, method, share=True, figure="kept"))
            axes.plot(kept, values, lw=1.8, ms=5, label=method, **style)
    line[0].set_ylabel(label)
for axes in panels[-1]:
    axes.set_xlabel("share of the patients kept")
panels[0, 0].invert_xaxis()
for axes, name in zip(panels[0], MODELS, strict=True):
    axes.set_title(name)
figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
figure.suptitle("The same number of patients kept by each method (patients of no study)")
figure.savefig(OUT / "by_share_kept.png")
plt.close(figure)

# %%
# Picture 3: leave-one-out beside repeated folds and the truth.
figure, panels = plt.subplots(
    1, 4, figsize=(13, 3.9), layout="constrained", sharex=True, sharey=True
)
for axes, name in zip(panels, MODELS, strict=True):
    for place, method in enumerate(METHODS):
        left, _, within, truth = auroc[name, method]
        axes.plot([left, truth], [place, place], color=ORANGE, lw=3, alpha=0.3, zorder=1)
        axes.plot(left, place, "o", color=ORANGE, ms=8, label="left out one by one")
        axes.plot(within, place, "D", color=BLUE, ms=6, label="within repeated folds")
        axes.plot(truth, place, "|", color="black", ms=14, mew=2.5, label="other patients")
    axes.set(title=name, yticks=range(len(METHODS)), yticklabels=METHODS)
    axes.set_xlabel("AUROC of all patients")
panels[0].set_ylim(len(METHODS) - 0.5, -0.5)
figure.legend(
    *(line[:3] for line in panels[0].get_legend_handles_labels()),
    loc="outside lower center",
    ncols=3,
)
figure.suptitle("Leave-one-out says too little of whatever depends on the base rate")
figure.savefig(OUT / "leave_one_out.png")
plt.close(figure)

# %%
# Picture 4: the first study with its bootstrap intervals, and its probabilities on the patients whom it does not have.
figure, panels = plt.subplots(
    2, 3, figsize=(12.5, 9.4), layout="constrained", height_ratios=[1, 1.45]
)
_, _, y, y_rest = STUDIES[0]
for (upper, lower), (method, report) in zip(panels.T, reports.items(), strict=True):
    colour = STYLES[method]["color"]
    report.plot(upper, figures=("auroc",), color=colour)
    report.plot(upper, figures=("kept",), color=GREY, marker="", band=False)
    truth = mean_of_known(figures("others", "logistic regression", method))
    upper.plot(CERTAINTIES, truth, color="black", lw=1.2, ls=":", label="AUROC of other patients")
    upper.legend(loc="lower left", fontsize="small")
    upper.set_title(method)
    prob = said["others", "logistic regression"][0][0][1][METHODS.index(method)]
    ReliabilityDisplay.from_predictions(
        y_rest, prob, name=method, ax=lower, random_state=0, color=colour
    )
figure.suptitle(
    f"Logistic regression on {N_PATIENTS} patients: 95 % bootstrap intervals, and calibration on {len(y_rest)} others"
)
figure.savefig(OUT / "one_study.png")
plt.close(figure)
print(f"\nPictures: {', '.join(sorted(str(path) for path in OUT.glob('*.png')))}")

# %%
# What this shows. The direction of the paper's claim comes out: for patients of certainty .8, logistic regression with
# conformal p-values has an AUROC of .83 by leave-one-out, truly .81, on half of the patients. Platt scaling seems to
# have .56 on a fifth of them, but truly has .80. Little of the gain is conformal.
# (1) Over all patients no method ranks better than its model (.75 here). Leaving out the middle of the scores raises an
# AUROC whatever the scores mean.
# (2) The ratio of p-values has no base rate in it. Probabilities have one, and where a third of the patients are ill
# the certain ones are mostly well, which leaves little to rank. Platt's probabilities at even odds are as good as the
# ratio if they keep as many patients. Both are right about fewer of them than plain Platt scaling: half kept, logistic
# regression, .77 and .78 against .82.
# (3) The ratio is bold. At .8 it keeps half of the patients and Platt scaling a fifth, but its calibration error is
# about .15, and Platt's .05. It is no probability. Certainties of different methods are different things: compare
# methods at the same share of patients, and say which.
# (4) Leave-one-out punishes what has a base rate in it, by up to .11 here (isotonic regression of the SVM), and hardly
# the ratio: much of the lead of conformal prediction in the first table is this bias. Folds of several patients have
# less.
# (5) One study of a hundred patients can tell none of this: its intervals are .2 wide where all patients are kept, and
# wider beyond. Do not choose a method or a threshold by them.
