"""Reports on the rows whose prediction is certain: the right figures, honest intervals, reasons instead of errors."""

import pickle
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skboost.calibration import SelectiveReport, selective_report
from skboost.calibration._resamples import generator, resamples
from skboost.exceptions import UncertaintyWarning
from skboost.metrics import adaptive_calibration_error, calibration_floor

THRESHOLDS = [0.5, 0.65, 0.8]


def predictions(n, seed, decimals=None):
    """Labels, and probabilities that are somewhat too bold; rounded ones tie."""
    rng = np.random.default_rng(seed)
    p = rng.beta(0.8, 0.9, size=n)
    if decimals is not None:
        p = p.round(decimals)
    return (rng.random(n) < 0.2 + 0.6 * p).astype(int), p


def figures_of_scikit_learn(y, p, weight, kept):
    """What the report holds, from public functions one by one."""
    y, p, weight = y[kept], p[kept], weight[kept]
    return {
        "event_rate": np.average(y, weights=weight),
        "auroc": roc_auc_score(y, p, sample_weight=weight),
        "auprc": average_precision_score(y, p, sample_weight=weight),
        "calibration_error": adaptive_calibration_error(
            y, p, kind="binary", n_bins=5, sample_weight=weight, labels=[0, 1]
        ),
        "accuracy": accuracy_score(y, p > 0.5, sample_weight=weight),
    }


# -- figures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_figures_are_those_of_scikit_learn(decimals, weighted):
    y, p = predictions(300, 0, decimals)
    weight = np.random.default_rng(1).uniform(0.1, 3, size=300) if weighted else np.ones(300)
    report = selective_report(
        y, p, thresholds=THRESHOLDS, sample_weight=weight if weighted else None, n_resamples=0
    )
    sure = np.maximum(p, 1 - p)
    for place, threshold in enumerate(THRESHOLDS):
        kept = sure >= threshold - 1e-9
        assert_allclose(report.kept[place], weight[kept].sum() / weight.sum())
        assert_allclose(report.n_kept[place], weight[kept].sum())
        for name, value in figures_of_scikit_learn(y, p, weight, kept).items():
            assert_allclose(getattr(report, name)[place], value, rtol=1e-12, err_msg=name)
        floor = calibration_floor(
            p[kept], kind="binary", n_bins=5, strategy="quantile", sample_weight=weight[kept]
        )
        assert_allclose(report.calibration_floor[place], floor)


def test_weight_two_is_two_copies_and_weight_zero_none():
    y, p = predictions(120, 2, 2)
    weight = np.random.default_rng(3).integers(0, 4, size=120)
    weighted = selective_report(y, p, sample_weight=weight, n_resamples=0)
    copied = selective_report(y.repeat(weight), p.repeat(weight), n_resamples=0)
    for name, values in copied.figures().items():
        assert_allclose(weighted.figures()[name], values, rtol=1e-12, err_msg=name)
    assert_array_equal(weighted.n_kept, copied.n_kept)
    assert weighted.n_rows == weight.sum()


def test_rows_of_weight_zero_play_no_role_in_the_bootstrap_either():
    y, p = predictions(100, 4)
    weight = np.ones(100)
    weight[::3] = 0
    whole = selective_report(y, p, sample_weight=weight, random_state=0)
    part = selective_report(y[weight > 0], p[weight > 0], random_state=0)
    assert str(whole) == str(part)


def test_certainty_can_be_anything():
    y, p = predictions(200, 5)
    certainty = np.random.default_rng(6).normal(size=200)
    report = selective_report(y, p, certainty=certainty, thresholds=[-1.0, 0.0, 2.0], n_resamples=0)
    kept = certainty >= 0
    assert report.n_kept[1] == kept.sum()
    assert_allclose(report.auroc[1], roc_auc_score(y[kept], p[kept]))


def test_certainty_in_float32_reaches_thresholds():
    y, p = [0, 1, 1, 0], np.array([0.3, 0.7, 0.8, 0.2], dtype=np.float32)
    assert_array_equal(selective_report(y, p, thresholds=[0.7, 0.8], n_resamples=0).n_kept, [4, 2])


def test_event_may_be_any_label():
    y, p = predictions(150, 7)
    names = np.array(["well", "sick"])[y]
    expected = selective_report(y, p, random_state=0)
    by_column = np.column_stack([p, 1 - p])  # sick, well
    for given in (p, by_column):
        report = selective_report(names, given, pos_label="sick", random_state=0)
        assert report.pos_label == "sick"
        assert report.to_dict() == expected.to_dict()
    assert selective_report(names, 1 - p, n_resamples=0).pos_label == "well"


def test_one_of_many_classes_against_the_rest(iris):
    X, y = iris
    proba = cross_val_predict(GaussianNB(), X, y, method="predict_proba")
    report = selective_report(y, proba, pos_label=1, random_state=0)
    expected = selective_report(y == 1, proba[:, 1], random_state=0)
    assert report.to_dict() == expected.to_dict()


@pytest.mark.parametrize("frame", [pd.Series, pl.Series, list])
def test_series_and_lists_are_arrays(frame):
    y, p = predictions(80, 8)
    weight, folds = np.arange(80) % 3 + 1, np.arange(80) % 4
    expected = selective_report(
        y, p, certainty=p, folds=folds, sample_weight=weight, random_state=1
    )
    report = selective_report(
        frame(y.tolist()),
        frame(p.tolist()),
        certainty=frame(p.tolist()),
        folds=frame(folds.tolist()),
        sample_weight=frame(weight.tolist()),
        random_state=1,
    )
    assert str(report) == str(expected)


# -- folds ---------------------------------------------------------------------------------------------------------


def test_auroc_within_folds_compares_rows_of_one_fold_only():
    y, p = predictions(90, 9, 1)
    folds = np.random.default_rng(10).choice(["a", "b", "c", "d"], size=90)
    weight = np.random.default_rng(11).uniform(0.5, 2, size=90)
    report = selective_report(
        y, p, folds=folds, sample_weight=weight, thresholds=[0.6], n_resamples=0
    )
    kept = np.maximum(p, 1 - p) >= 0.6 - 1e-9
    won = pairs = 0.0
    for i in np.flatnonzero(kept & (y == 1)):
        for j in np.flatnonzero(kept & (y == 0) & (folds == folds[i])):
            mass = weight[i] * weight[j]
            won += mass * ((p[i] > p[j]) + 0.5 * (p[i] == p[j]))
            pairs += mass
    assert_allclose(report.auroc_within, won / pairs)


def test_auroc_within_a_single_fold_is_the_auroc():
    y, p = predictions(100, 12)
    report = selective_report(y, p, folds=np.zeros(100), random_state=0)
    assert_allclose(report.auroc_within, report.auroc)
    assert_allclose(report.intervals["auroc_within"], report.intervals["auroc"])


def test_without_folds_nothing_is_said_of_them():
    report = selective_report(*predictions(50, 13), random_state=0)
    assert report.auroc_within is None
    assert "auroc_within" not in report.intervals
    assert "in folds" not in str(report)


def test_a_constant_model_scores_zero_in_leave_one_out_and_one_half_within_folds():
    X, y = np.zeros((40, 1)), np.arange(40) % 2
    with pytest.warns(UncertaintyWarning, match=r"leave-one-out.* RepeatedStratifiedKFold"):
        report = SelectiveReport.from_estimator(
            DummyClassifier(), X, y, cv=LeaveOneOut(), thresholds=[0.5], random_state=0
        )
    assert report.auroc[0] == 0.0
    assert np.isnan(report.auroc_within[0])
    assert "no fold" in report.reasons[0]
    cv = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
    report = SelectiveReport.from_estimator(DummyClassifier(), X, y, cv=cv, thresholds=[0.5])
    assert report.auroc_within[0] == 0.5


def test_folds_of_one_class_each_are_as_bad_as_leave_one_out():
    y = np.repeat([0, 1], 20)
    p = np.random.default_rng(14).random(40)
    with pytest.warns(UncertaintyWarning, match="no fold has rows both with and without"):
        selective_report(y, p, folds=np.arange(40) // 10, random_state=0)


# -- intervals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decimals", [None, 1])
def test_intervals_are_those_of_a_slow_loop_over_the_same_resamples(decimals):
    y, p = predictions(60, 15, decimals)
    weight = np.random.default_rng(16).integers(1, 4, size=60).astype(float)
    report = selective_report(
        y,
        p,
        thresholds=[0.5, 0.7],
        sample_weight=weight,
        n_resamples=200,
        confidence_level=0.8,
        random_state=3,
    )
    counts = np.concatenate(list(resamples(60, 200, generator(3))))
    for place, threshold in enumerate([0.5, 0.7]):
        kept = np.maximum(p, 1 - p) >= threshold - 1e-9
        loop = []
        for count in counts * weight:
            rows = kept & (count > 0)
            loop.append(figures_of_scikit_learn(y, p, count, rows))
            loop[-1]["kept"] = count[rows].sum() / count.sum()
        for name in loop[0]:
            low, high = np.quantile([one[name] for one in loop], [0.1, 0.9])
            if name == "calibration_error":
                error = report.calibration_error[place]
                low, high = max(2 * error - high, 0), max(2 * error - low, 0)
            assert_allclose(report.intervals[name][place], [low, high], atol=1e-12, err_msg=name)


def test_intervals_of_the_auroc_cover():
    """A coverage of .9, or of .87 as with few rows, leaves 72 to 99 of 100 with probability 1 - 1e-4."""
    truth = selective_report(*predictions(200_000, 17), n_resamples=0).auroc
    covered = 0
    for seed in range(100):
        report = selective_report(
            *predictions(200, 100 + seed), n_resamples=200, confidence_level=0.9, random_state=0
        )
        low, high = report.intervals["auroc"][0]
        covered += low <= truth[0] <= high
    assert 72 <= covered <= 99


def test_interval_of_the_calibration_error_reaches_down_to_calibrated_models():
    rng = np.random.default_rng(18)
    p = rng.random(500)
    report = selective_report(rng.random(500) < p, p, random_state=0)
    assert report.intervals["calibration_error"][0, 0] == 0


def test_results_are_those_of_the_random_state():
    y, p = predictions(70, 19)
    first, second = (selective_report(y, p, random_state=5) for _ in range(2))
    assert str(first) == str(second)
    assert str(first) != str(selective_report(y, p, random_state=6))
    states = [np.random.RandomState(1), np.random.default_rng(1), None]
    for state in states:
        assert_array_equal(selective_report(y, p, random_state=state).auroc, first.auroc)


def test_a_thousand_resamples_of_a_thousand_rows_take_no_time():
    y, p = predictions(1000, 20)
    start = time.process_time()
    selective_report(y, p, random_state=0)
    assert time.process_time() - start < 2.0


# -- what has no figure --------------------------------------------------------------------------------------------


def test_empty_and_one_class_subsets_get_a_reason():
    y = np.array([0, 1, 0, 1, 1, 1])
    p = np.array([0.4, 0.45, 0.55, 0.6, 0.9, 0.95])
    report = selective_report(y, p, thresholds=[0.5, 0.8, 0.99], n_resamples=50, random_state=0)
    assert report.reasons[0].endswith("are left out of the intervals")
    assert "all of the 2 kept rows" in report.reasons[1]
    assert "highest certainty is 0.95" in report.reasons[2]
    assert_array_equal(np.isnan(report.auroc), [False, True, True])
    assert_array_equal(np.isnan(report.auprc), [False, True, True])
    assert_array_equal(np.isnan(report.accuracy), [False, False, True])
    assert_array_equal(report.kept, [1.0, 1 / 3, 0.0])
    assert np.isnan(report.intervals["auroc"][1:]).all()
    assert not np.isnan(report.intervals["auroc"][0]).any()
    for reason in report.reasons:
        assert reason in str(report)


@pytest.mark.parametrize("label", [0, 1])
def test_labels_may_all_be_the_same(label):
    report = selective_report(np.full(20, label), np.linspace(0, 1, 20), random_state=0)
    assert report.pos_label == 1
    assert_array_equal(report.event_rate, np.full(5, label))
    assert np.isnan(report.auroc).all()
    assert all(reason.startswith("the event happened in ") for reason in report.reasons)


def test_one_row():
    report = selective_report([1], [0.7], random_state=0)
    assert_array_equal(report.n_kept, [1, 1, 1, 0, 0])
    assert_array_equal(report.accuracy[:3], 1.0)


# -- the report ----------------------------------------------------------------------------------------------------


def test_report_reads_as_a_table():
    report = selective_report(*predictions(100, 21), random_state=0)
    lines = str(report).splitlines()
    assert repr(report) == str(report)
    assert len(lines) == 2 + 2 * 5
    assert all(word in lines[1] for word in ("certainty", "kept", "AUROC", "AUPRC", "ACE"))
    assert f"{report.auroc[0]:.3f}" in lines[2]
    assert max(map(len, lines)) <= 120
    bare = selective_report(*predictions(100, 21), n_resamples=0)
    assert len(str(bare).splitlines()) == 2 + 5


def test_frame_and_dictionary_hold_the_same():
    report = selective_report(*predictions(100, 22), random_state=0)
    columns = report.to_dict()
    assert list(columns)[:5] == ["threshold", "n_kept", "kept", "kept_low", "kept_high"]
    frame = report.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.shape == (5, len(columns))
    assert_array_equal(frame["auroc_low"], report.intervals["auroc"][:, 0])
    assert_array_equal(frame["auroc"], report.auroc)


def test_report_can_be_pickled_but_not_changed():
    report = selective_report(*predictions(60, 23), random_state=0)
    assert str(pickle.loads(pickle.dumps(report))) == str(report)
    with pytest.raises(AttributeError):
        report.auroc = 1.0


# -- from an estimator ---------------------------------------------------------------------------------------------


def test_report_of_an_estimator_is_that_of_its_cross_validated_predictions(breast_cancer):
    X, y = breast_cancer[0][:200, :3], np.array(["bad", "fine"])[breast_cancer[1][:200]]
    cv = StratifiedKFold(4, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    report = SelectiveReport.from_estimator(model, X, y, cv=cv, pos_label="bad", random_state=1)
    proba = cross_val_predict(model, X, y, cv=cv, method="predict_proba")
    folds = np.empty(200, dtype=int)
    for fold, (_, test) in enumerate(cv.split(X, y)):
        folds[test] = fold
    expected = selective_report(y, proba[:, 0], pos_label="bad", folds=folds, random_state=1)
    assert str(report) == str(expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_give_the_same_report(frame, breast_cancer):
    X, y = breast_cancer[0][:150, :3], breast_cancer[1][:150]
    expected = SelectiveReport.from_estimator(GaussianNB(), X, y, cv=3, random_state=0)
    table = frame({f"x{j}": X[:, j] for j in range(3)})
    report = SelectiveReport.from_estimator(GaussianNB(), table, y, cv=3, random_state=0, n_jobs=2)
    assert str(report) == str(expected)


def test_repetitions_are_averaged(breast_cancer):
    X, y = breast_cancer[0][:150, :2], breast_cancer[1][:150]
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=4, random_state=0)
    report = SelectiveReport.from_estimator(
        GaussianNB(), X, y, cv=cv, thresholds=[0.5, 0.7], random_state=0
    )
    splits = list(cv.split(X, y))
    single = [
        SelectiveReport.from_estimator(
            GaussianNB(), X, y, cv=splits[k : k + 3], thresholds=[0.5, 0.7], n_resamples=0
        )
        for k in range(0, 12, 3)
    ]
    for name in ("auroc", "auroc_within", "auprc", "kept", "calibration_error"):
        each = np.array([getattr(one, name) for one in single])
        assert_allclose(report.repetitions[name], each)
        assert_allclose(getattr(report, name), each.mean(axis=0))
    assert "means of 4 repetitions" in str(report)
    # repeating does not make intervals of the rows narrower than they are
    width = np.ptp(report.intervals["auroc"][0])
    again = SelectiveReport.from_estimator(
        GaussianNB(), X, y, cv=splits[:3], thresholds=[0.5, 0.7], random_state=0
    )
    assert width > 0.7 * np.ptp(again.intervals["auroc"][0])


def test_certainty_may_come_from_the_models(breast_cancer):
    X, y = breast_cancer[0][:120, :2], breast_cancer[1][:120]

    def distance(model, rows):
        return np.abs(model.predict_log_proba(rows) @ [1, -1])

    report = SelectiveReport.from_estimator(
        GaussianNB(), X, y, cv=3, certainty=distance, thresholds=[0.0, 2.0], n_resamples=0
    )
    by_p = SelectiveReport.from_estimator(
        GaussianNB(), X, y, cv=3, thresholds=[0.5, 1 / (1 + np.exp(-2.0))], n_resamples=0
    )
    assert_array_equal(report.n_kept, by_p.n_kept)


def test_weights_train_the_models_too(breast_cancer):
    X, y = breast_cancer[0][:150, :2], breast_cancer[1][:150]
    weight = np.random.default_rng(24).integers(1, 4, size=150)
    keep = np.arange(150) % 5 > 0
    splits = list(KFold(3).split(X[keep]))
    places = np.flatnonzero(keep)
    wide = [(places[train], places[test]) for train, test in splits]
    wide[0] = (wide[0][0], np.concatenate([wide[0][1], np.flatnonzero(~keep)]))
    wide[1] = (np.concatenate([wide[1][0], np.flatnonzero(~keep)]), wide[1][1])
    report = SelectiveReport.from_estimator(
        GaussianNB(), X, y, cv=wide, sample_weight=weight * keep, random_state=0
    )
    expected = SelectiveReport.from_estimator(
        GaussianNB(), X[keep], y[keep], cv=splits, sample_weight=weight[keep], random_state=0
    )
    unweighted = SelectiveReport.from_estimator(
        GaussianNB(), X[keep], y[keep], cv=splits, random_state=0
    )
    assert str(report) == str(expected)
    assert str(report) != str(unweighted)


def test_weights_of_a_step_of_a_pipeline_are_named_in_params(breast_cancer):
    X, y = breast_cancer[0][:120, :2], breast_cancer[1][:120]
    weight = np.arange(120) % 3 + 1
    pipe = make_pipeline(StandardScaler(), GaussianNB())
    with pytest.warns(UserWarning, match="Pipeline.fit takes no sample_weight"):
        SelectiveReport.from_estimator(pipe, X, y, cv=3, sample_weight=weight, n_resamples=0)
    report = SelectiveReport.from_estimator(
        pipe,
        X,
        y,
        cv=3,
        sample_weight=weight,
        params={"gaussiannb__sample_weight": weight},
        n_resamples=0,
    )
    plain = SelectiveReport.from_estimator(
        GaussianNB(var_smoothing=0), X, y, cv=3, sample_weight=weight, n_resamples=0
    )
    assert_allclose(report.auroc, plain.auroc, rtol=1e-6)


def test_groups_reach_the_splitter(breast_cancer):
    X, y = breast_cancer[0][:120, :2], breast_cancer[1][:120]
    groups = np.arange(120) // 6
    report = SelectiveReport.from_estimator(
        KNeighborsClassifier(), X, y, cv=GroupKFold(4), groups=groups, n_resamples=0
    )
    splits = list(GroupKFold(4).split(X, y, groups))
    expected = SelectiveReport.from_estimator(
        KNeighborsClassifier(), X, y, cv=splits, n_resamples=0
    )
    assert str(report) == str(expected)


# -- picture -------------------------------------------------------------------------------------------------------


def test_picture_shows_figures_against_the_threshold():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    report = selective_report(*predictions(200, 25), random_state=0)
    ax = report.plot()
    assert [line.get_label() for line in ax.get_lines()] == ["AUROC", "share of rows kept"]
    assert_array_equal(ax.get_lines()[0].get_ydata(), report.auroc)
    assert len(ax.collections) == 2
    again = report.plot(ax, figures=["auprc"], name="model", band=False, color="k")
    assert again is ax
    assert ax.get_lines()[2].get_label() == "model: AUPRC"
    assert len(ax.collections) == 2
    report.plot(ax, name="other")
    assert ax.get_lines()[3].get_color() == ax.get_lines()[4].get_color()
    with pytest.raises(ValueError, match="in_folds"):
        report.plot(ax, figures=["in_folds"])
    ax.figure.canvas.draw()
    pyplot.close("all")


# -- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"thresholds": 0.5}, "thresholds"),
        ({"thresholds": []}, "thresholds"),
        ({"thresholds": [np.nan]}, "thresholds"),
        ({"n_bins": 0}, "n_bins"),
        ({"n_resamples": -1}, "n_resamples"),
        ({"confidence_level": 1.0}, "confidence_level"),
        ({"y_prob": [0.1, 0.2]}, "rows"),
        ({"y_prob": [0.1, 0.2, 1.2, 0.5]}, "probabilities lie in"),
        ({"y_prob": [0.1, 0.2, np.nan, 0.5]}, "NaN"),
        ({"y_prob": ["a", "b", "c", "d"]}, "numbers"),
        ({"y_prob": np.full((4, 3), 1 / 3)}, "3 columns"),
        ({"y_prob": np.zeros((4, 1, 1))}, "shape"),
        ({"y_prob": np.full((4, 2), 0.9)}, "row 0 of y_prob sums to 1.8"),
        ({"y_true": [0, 1, 2, 1]}, "pos_label"),
        ({"y_true": ["a", "a", "a", "a"]}, "pos_label"),
        ({"y_true": ["a", None, "a", "b"]}, "contains NaN"),
        ({"y_true": [0.0, np.nan, 1.0, 0.0]}, "contains NaN"),
        ({"y_true": [0.3, 0.4, 0.1, 0.2]}, "continuous"),
        ({"pos_label": "sick"}, "pos_label='sick'"),
        ({"certainty": [0.5, 0.5]}, "certainty"),
        ({"certainty": [0.5, 0.5, np.nan, 1]}, "certainty"),
        ({"certainty": "high"}, "certainty"),
        ({"folds": [1, 2]}, "folds"),
        ({"sample_weight": [1, 2]}, "sample_weight"),
        ({"sample_weight": [0, 0, 0, 0]}, "sample_weight"),
    ],
)
def test_bad_input_gets_a_sentence(change, words):
    given = {"y_true": [0, 1, 1, 0], "y_prob": [0.2, 0.7, 0.6, 0.4]} | change
    with pytest.raises(ValueError, match=words):
        selective_report(given.pop("y_true"), given.pop("y_prob"), **given)


def test_bad_input_of_an_estimator_gets_a_sentence(breast_cancer):
    X, y = breast_cancer[0][:60, :2], breast_cancer[1][:60]
    make = SelectiveReport.from_estimator
    with pytest.raises(ValueError, match="RidgeClassifier has no predict_proba"):
        make(RidgeClassifier(), X, y, cv=3)
    with pytest.raises(ValueError, match="certainty"):
        make(GaussianNB(), X, y, cv=3, certainty=np.ones(60))
    with pytest.raises(ValueError, match=r"cv tests \d+ of 60 rows"):
        make(GaussianNB(), X, y, cv=ShuffleSplit(3, random_state=0))
    with pytest.raises(ValueError, match="cv tests 0 of 60 rows"):
        make(GaussianNB(), X, y, cv=[])
    with pytest.raises(ValueError, match="single label"):
        make(GaussianNB(), X, np.ones(60), cv=3)
    with pytest.raises(ValueError, match="certainty must hold one number"):
        make(GaussianNB(), X, y, cv=3, certainty=lambda model, rows: [1.0])
