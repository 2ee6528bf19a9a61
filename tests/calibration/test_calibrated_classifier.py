"""Calibrated classifiers: folds, frozen models, leave-one-out, absent classes, weights, frames, metadata."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from skboost.calibration import CALIBRATORS, CalibratedClassifier, PlattScaler
from skboost.exceptions import UncertaintyWarning

METHODS = CALIBRATORS.aliases()
PAIRED = StratifiedKFold(3)


@pytest.fixture
def overconfident(breast_cancer):
    """A naive Bayes on correlated columns, rows to learn from and rows to judge by."""
    X, y = breast_cancer
    order = np.random.default_rng(1).permutation(len(y))
    return GaussianNB(), X[order[:350]], y[order[:350]], X[order[350:]], y[order[350:]]


@pytest.mark.parametrize("ensemble", [True, False, "auto"])
@pytest.mark.parametrize("method", METHODS)
def test_calibration_helps_an_overconfident_model(overconfident, method, ensemble):
    model, X, y, X_test, y_test = overconfident
    calibrated = CalibratedClassifier(model, method, ensemble=ensemble).fit(X, y)
    probability = calibrated.predict_proba(X_test)
    assert probability.shape == (len(y_test), 2)
    assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)
    raw = log_loss(y_test, model.fit(X, y).predict_proba(X_test))
    assert log_loss(y_test, probability) < 0.6 * raw


@pytest.mark.parametrize("method", METHODS)
def test_three_classes(iris, method):
    X, y = iris
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    model = CalibratedClassifier(GaussianNB(), method).fit(X[:100], labels[:100])
    probability = model.predict_proba(X[100:])
    assert probability.shape == (50, 3)
    assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)
    assert_array_equal(model.predict(X[100:]), model.classes_[probability.argmax(axis=1)])
    assert model.score(X[100:], labels[100:]) > 0.85


def test_folds_in_an_ensemble_are_those_of_the_definition(breast_cancer):
    X, y = breast_cancer
    model = CalibratedClassifier(GaussianNB(), "sigmoid", cv=PAIRED, ensemble=True).fit(X, y)
    answers = []
    for train, test in PAIRED.split(X, y):
        bayes = GaussianNB().fit(X[train], y[train])
        scaler = PlattScaler().fit(bayes.predict_proba(X[test]), y[test])
        answers.append(scaler.transform(bayes.predict_proba(X)))
    assert_allclose(model.predict_proba(X), np.mean(answers, axis=0), rtol=1e-12)


def test_folds_put_together_are_those_of_the_definition(breast_cancer):
    X, y = breast_cancer
    model = CalibratedClassifier(GaussianNB(), "sigmoid", cv=PAIRED, ensemble=False).fit(X, y)
    scores = np.empty((len(y), 2))
    for train, test in PAIRED.split(X, y):
        scores[test] = GaussianNB().fit(X[train], y[train]).predict_proba(X[test])
    scaler = PlattScaler().fit(scores, y)
    expected = scaler.transform(GaussianNB().fit(X, y).predict_proba(X))
    assert_allclose(model.predict_proba(X), expected, rtol=1e-12)


def test_platt_on_margins_is_that_of_scikit_learn(breast_cancer):
    """Its L-BFGS stops early, so the two agree to its tolerance only."""
    X, y = StandardScaler().fit_transform(breast_cancer[0]), breast_cancer[1]
    ours = CalibratedClassifier(LinearSVC(), "sigmoid", cv=5, ensemble=True).fit(X, y)
    theirs = CalibratedClassifierCV(LinearSVC(), method="sigmoid", cv=5).fit(X, y)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_leave_one_out(breast_cancer, method):
    X, y = breast_cancer
    rows = np.r_[:40, 100:140]
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    model = CalibratedClassifier(scaled, method, cv=LeaveOneOut()).fit(X[rows], y[rows])
    assert len(model.estimators_) == len(model.calibrators_) == 1
    assert model.calibrators_[0].n_calibration_ == 80
    assert model.score(X[200:], y[200:]) > 0.9


def test_leave_one_out_with_a_class_of_one_row(iris):
    X, y = iris
    rows = np.flatnonzero(y < 2)
    X, y = np.vstack([X[rows], X[y == 2][:1]]), np.append(y[rows], 2)
    model = CalibratedClassifier(GaussianNB(), "temperature", cv=LeaveOneOut()).fit(X, y)
    assert model.predict_proba(X).shape == (len(y), 3)
    assert_array_equal(np.isfinite(model.predict_proba(X)), True)


@pytest.mark.filterwarnings(
    "ignore::skboost.exceptions.UncertaintyWarning"
)  # folds with opposite answers
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("estimator", [GaussianNB(), LogisticRegression(), SVC()], ids=str)
@pytest.mark.parametrize("ensemble", [True, False])
def test_a_class_that_a_fold_lacks_keeps_its_column(method, estimator, ensemble):
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], 40)
    X = rng.normal(size=(120, 2)) + np.repeat([[0, 0], [3, 0], [0, 3]], 40, axis=0)
    halves = np.flatnonzero(y != "c"), np.flatnonzero(y == "c")
    first, second = halves[0][::2], halves[0][1::2]
    for with_c in (first, second):  # c calibrates only, or trains only
        folds = [(first, np.append(second, halves[1])), (np.append(second, halves[1]), with_c)]
        if with_c is second:
            folds = [(first, second), (second, np.append(first, halves[1]))]
        model = CalibratedClassifier(estimator, method, cv=folds, ensemble=ensemble).fit(X, y)
        probability = model.predict_proba(X)
        assert probability.shape == (120, 3)
        assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)


def test_a_frozen_model_is_calibrated_on_all_rows(breast_cancer):
    X, y = breast_cancer
    bayes = GaussianNB().fit(X[:200], y[:200])
    model = CalibratedClassifier(FrozenEstimator(bayes), "sigmoid").fit(X[200:], y[200:])
    assert model.calibrators_[0].n_calibration_ == len(y) - 200
    expected = PlattScaler().fit(bayes.predict_proba(X[200:]), y[200:])
    assert_allclose(model.predict_proba(X), expected.transform(bayes.predict_proba(X)))


def test_a_frozen_model_may_know_more_classes_than_its_calibration_rows(iris):
    X, y = iris
    bayes = FrozenEstimator(GaussianNB().fit(X, y))
    model = CalibratedClassifier(bayes, "sigmoid").fit(X[y < 2], y[y < 2])
    assert model.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match="holds labels that classes"):
        CalibratedClassifier(bayes, "sigmoid").fit(X, y + 1)


@pytest.mark.parametrize("routing", [True, False])
def test_metadata_that_cannot_act_on_a_frozen_model_are_refused(iris, routing):
    X, y = iris
    model = CalibratedClassifier(FrozenEstimator(GaussianNB().fit(X, y)))
    with (
        config_context(enable_metadata_routing=routing),
        pytest.raises(ValueError, match="groups cannot act: the estimator is frozen"),
    ):
        model.fit(X, y, groups=y)


@pytest.mark.parametrize("option", [{"cv": 3}, {"ensemble": True}, {"ensemble": False}])
def test_options_that_cannot_act_on_a_frozen_model_are_refused(breast_cancer, option):
    X, y = breast_cancer
    model = CalibratedClassifier(FrozenEstimator(GaussianNB().fit(X, y)), "sigmoid", **option)
    with pytest.raises(ValueError, match=f"{next(iter(option))}=.* cannot act"):
        model.fit(X, y)


@pytest.mark.parametrize("ensemble", [True, False])
def test_other_rows_calibrate_without_a_new_fit(breast_cancer, ensemble):
    X, y = breast_cancer
    model = CalibratedClassifier(GaussianNB(), "sigmoid", ensemble=ensemble).fit(X[:300], y[:300])
    models = list(model.estimators_)
    assert model.fit_calibration(X[300:], y[300:]) is model
    assert all(one is other for one, other in zip(models, model.estimators_, strict=True))
    scaler = PlattScaler().fit(models[0].predict_proba(X[300:]), y[300:])
    assert model.calibrators_[0].maps_ == scaler.maps_
    with pytest.raises(ValueError, match="holds labels that classes"):
        model.fit_calibration(X, y + 1)
    for rows in (50, 150):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            model.fit_calibration(X[:100], y[:rows])
    with pytest.raises(ValueError, match="target y is None"):
        model.fit_calibration(X, None)
    with pytest.raises(NotFittedError):
        clone(model).fit_calibration(X, y)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ensemble", [True, False])
def test_weights_count_copies_and_zero_removes(method, ensemble):
    X, y = make_classification(90, n_informative=4, n_classes=3, random_state=0)
    weight = np.random.default_rng(0).integers(0, 4, 90)
    fold = np.arange(90) % 3
    copies = np.repeat(np.arange(90), weight)

    def folds(member):
        return [(np.flatnonzero(member != k), np.flatnonzero(member == k)) for k in range(3)]

    bayes = GaussianNB()
    weighted = CalibratedClassifier(bayes, method, cv=folds(fold), ensemble=ensemble)
    repeated = CalibratedClassifier(bayes, method, cv=folds(fold[copies]), ensemble=ensemble)
    weighted.fit(X, y, sample_weight=weight)
    repeated.fit(X[copies], y[copies])
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-5, atol=1e-7)


def test_a_class_whose_rows_have_no_weight_is_no_class(iris):
    X, y = iris
    model = CalibratedClassifier(GaussianNB(), "sigmoid").fit(X, y, sample_weight=y < 2)
    assert_array_equal(model.classes_, [0, 1])


def test_a_model_without_weights_says_so(iris):
    X, y = iris
    neighbours = CalibratedClassifier(KNeighborsClassifier(), "sigmoid")
    with pytest.warns(UserWarning, match="KNeighborsClassifier takes no sample_weight"):
        neighbours.fit(X, y, sample_weight=np.ones(len(y)))


@pytest.mark.parametrize("kind", ["pandas", "polars", "list", "csr", "csc", "coo"])
def test_tables_reach_the_model_in_their_own_type(breast_cancer, kind):
    X, y = breast_cancer
    seen = []

    def look(table):
        seen.append(type(table))
        return table

    names = [f"column {j}" for j in range(X.shape[1])]
    table = {
        "pandas": lambda: pd.DataFrame(X, columns=names),
        "polars": lambda: pl.DataFrame(X, schema=names),
        "list": X.tolist,
        "csr": lambda: sparse.csr_array(X),
        "csc": lambda: sparse.csc_matrix(X),
        "coo": lambda: sparse.coo_array(X),
    }[kind]()
    base = RandomForestClassifier(5, random_state=0)
    model = CalibratedClassifier(make_pipeline(FunctionTransformer(look), base), "sigmoid", cv=3)
    model.fit(table, y)
    kinds = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "list": list}
    if kind in kinds:
        assert set(seen) == {kinds[kind]}
    else:
        assert all(issubclass(found, sparse.sparray | sparse.spmatrix) for found in seen)
    plain = CalibratedClassifier(base, "sigmoid", cv=3).fit(X, y)
    assert_allclose(model.predict_proba(table), plain.predict_proba(X), rtol=1e-12)
    if kind in ("pandas", "polars"):
        assert_array_equal(model.feature_names_in_, names)


def test_frames_keep_their_categories():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"c": pd.Categorical(rng.choice(["x", "y"], 80)), "n": rng.normal(size=80)}
    )
    y = pd.Series(np.where(frame["c"] == "x", "yes", "no"), name="label")

    class Picky(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            assert X["c"].dtype == "category"
            return super().fit(X[["n"]], y)

        def predict_proba(self, X):
            assert X["c"].dtype == "category"
            return super().predict_proba(X[["n"]])

    model = CalibratedClassifier(Picky(), "isotonic", cv=4)
    assert set(model.fit(frame, y).predict(frame)) <= {"yes", "no"}


def test_groups_stay_together(iris):
    X, y = iris
    groups = np.arange(150) % 7
    seen = []

    class Splitter(GroupKFold):
        def split(self, X, y=None, groups=None):
            for train, test in super().split(X, y, groups):
                seen.append(np.intersect1d(groups[train], groups[test]).size)
                yield train, test

    CalibratedClassifier(GaussianNB(), "sigmoid", cv=Splitter(3)).fit(X, y, groups=groups)
    assert seen == [0, 0, 0]


def test_metadata_are_routed(iris):
    X, y = iris
    weight, groups = np.arange(150) % 3 + 1.0, np.arange(150) % 10
    with config_context(enable_metadata_routing=True):
        bayes = GaussianNB().set_fit_request(sample_weight=True)
        splitter = GroupKFold(3).set_split_request(groups=True)
        model = CalibratedClassifier(bayes, "sigmoid", cv=splitter)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        params = {"sample_weight": weight, "groups": groups}
        cross_validate(model, X, y, params=params)
        routed = model.fit(X, y, **params)
        with pytest.raises(UnsetMetadataPassedError):
            CalibratedClassifier(GaussianNB(), "sigmoid").fit(X, y, sample_weight=weight)
    plain = CalibratedClassifier(GaussianNB(), "sigmoid", cv=GroupKFold(3)).fit(X, y, **params)
    assert_allclose(routed.predict_proba(X), plain.predict_proba(X), rtol=1e-12)


def test_a_grid_search_reaches_method_and_model(breast_cancer):
    X, y = breast_cancer
    search = GridSearchCV(
        CalibratedClassifier(make_pipeline(StandardScaler(), LogisticRegression()), cv=3),
        {
            "method": ["sigmoid", PlattScaler(multi_class="pairwise")],
            "estimator__logisticregression__C": [0.1, 1.0],
        },
        scoring="neg_log_loss",
        cv=3,
        n_jobs=2,
    ).fit(X, y)
    assert search.best_score_ > -0.15
    nested = CalibratedClassifier(GaussianNB(), PlattScaler())
    assert nested.set_params(method__multi_class="pairwise").method.multi_class == "pairwise"


def test_jobs_do_not_change_results(iris):
    X, y = iris
    one = CalibratedClassifier(GaussianNB(), "sigmoid", n_jobs=1).fit(X, y)
    two = CalibratedClassifier(GaussianNB(), "sigmoid", n_jobs=2).fit(X, y)
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))


@pytest.mark.parametrize("method", METHODS)
def test_a_fitted_model_survives_pickling(breast_cancer, method):
    X, y = breast_cancer
    model = CalibratedClassifier(GaussianNB(), method, cv=3).fit(X, y)
    twin = pickle.loads(pickle.dumps(model))
    assert_array_equal(twin.predict_proba(X), model.predict_proba(X))


def test_margins_are_preferred_and_probabilities_can_be_had(breast_cancer):
    X, y = breast_cancer
    regression = make_pipeline(StandardScaler(), LogisticRegression())
    for asked, found in (
        ("auto", "logit"),
        ("decision_function", "logit"),
        ("predict_proba", "probability"),
    ):
        model = CalibratedClassifier(regression, "sigmoid", response_method=asked).fit(X, y)
        assert model.calibrators_[0].input == found
    ridge = CalibratedClassifier(RidgeClassifier(), "sigmoid", response_method="predict_proba")
    with pytest.raises(ValueError, match="RidgeClassifier has no predict_proba"):
        ridge.fit(X, y)


def test_one_against_one_margins_are_refused():
    X, y = make_classification(120, n_informative=5, n_classes=4, random_state=0)
    model = CalibratedClassifier(SVC(decision_function_shape="ovo"), "sigmoid")
    with pytest.raises(ValueError, match="gives 6 columns for 4 classes"):
        model.fit(X, y)


def test_three_pairs_are_not_taken_for_three_classes(iris):
    X, y = iris
    pairs = make_pipeline(StandardScaler(), SVC(decision_function_shape="ovo"))
    with pytest.raises(
        ValueError, match="gives 3 columns for 3 classes, which are not the classes"
    ):
        CalibratedClassifier(pairs, "sigmoid").fit(X, y)
    rest = OneVsRestClassifier(SVC(decision_function_shape="ovo"))
    assert CalibratedClassifier(rest, "sigmoid").fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("response", ["predict_proba", "decision_function"])
@pytest.mark.parametrize("labels", [["a", "b", "c"], ["a", "b"]])
def test_columns_may_have_an_order_of_their_own(iris, response, labels):
    X, codes = iris
    X, y = X[codes < len(labels)], np.array(labels)[codes[codes < len(labels)]]

    class Reversed(LogisticRegression):
        def fit(self, X, y):
            super().fit(X, y)
            self.coef_, self.intercept_ = self.coef_[::-1], self.intercept_[::-1]
            if len(self.classes_) == 2:
                self.coef_, self.intercept_ = -self.coef_, -self.intercept_
            self.classes_ = self.classes_[::-1]
            return self

    plain, turned = (
        CalibratedClassifier(model, "beta", response_method=response).fit(X, y)
        for model in (LogisticRegression(C=0.1), Reversed(C=0.1))
    )
    assert_allclose(turned.predict_proba(X), plain.predict_proba(X), rtol=1e-6, atol=1e-9)


def test_a_model_may_number_the_classes_if_it_has_seen_all(iris):
    X, y = iris[0], np.array(["a", "b", "c"])[iris[1]]

    class Numbering(GaussianNB):
        def fit(self, X, y):
            return super().fit(X, np.unique(y, return_inverse=True)[1])

    plain, numbered = (
        CalibratedClassifier(model).fit(X, y) for model in (GaussianNB(), Numbering())
    )
    assert_array_equal(numbered.predict_proba(X), plain.predict_proba(X))
    folds = [(np.flatnonzero(y != "a"), np.flatnonzero(y == "a"))]
    with pytest.raises(ValueError, match="has seen 2 of the 3 classes, but its classes_ are not"):
        CalibratedClassifier(Numbering(), cv=folds).fit(X, y)


def test_a_model_that_knows_one_class_only():
    X, y = np.arange(40.0).reshape(-1, 1), np.repeat([0, 1], 20)
    folds = [(np.arange(10), np.arange(10, 30)), (np.arange(30, 40), np.arange(10))]
    for ensemble in (True, False):
        model = CalibratedClassifier(DummyClassifier(), "sigmoid", cv=folds, ensemble=ensemble)
        assert model.fit(X, y).predict_proba(X).shape == (40, 2)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"method": "sigmod"}, "method='sigmod' is unknown"),
        ({"method": 3}, "method=3 is not valid"),
        ({"ensemble": "yes"}, "ensemble='yes' is not valid"),
        ({"response_method": "proba"}, "response_method='proba' is not valid"),
        ({"verbose": -1}, "verbose=-1 is not valid"),
        (
            {"cv": RepeatedStratifiedKFold(n_splits=3, n_repeats=2), "ensemble": False},
            "ensemble=True",
        ),
        ({"cv": [(np.arange(150), np.arange(20))]}, "trains on rows that it calibrates on"),
        ({"cv": [(np.arange(100, 150), np.arange(0))]}, "no rows of positive weight to calibrate"),
        ({"cv": []}, "cv gives no folds"),
    ],
)
def test_bad_parameters_get_a_sentence(iris, parameters, sentence):
    X, y = iris
    with pytest.raises(ValueError, match=sentence):
        CalibratedClassifier(GaussianNB(), **{"method": "sigmoid", **parameters}).fit(X, y)


def test_bad_data_get_a_sentence(iris):
    X, y = iris
    model = CalibratedClassifier(GaussianNB(), "sigmoid")
    with pytest.raises(ValueError, match="y has one class"):
        model.fit(X, np.zeros(150))
    with pytest.raises(ValueError, match="target y is None"):
        model.fit(X, None)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        model.fit(X, np.where(y == 1, np.nan, y))
    model.fit(X, y)
    with pytest.raises(ValueError, match="1D array"):
        model.predict(X[0])
    with pytest.raises(ValueError, match="0 sample"):
        model.predict(X[:0])

    class Broken(GaussianNB):
        def predict_proba(self, X):
            return np.full((len(X), 3), np.nan)

    with pytest.raises(ValueError, match="scores contain NaN"):
        CalibratedClassifier(Broken(), "sigmoid").fit(X, y)


def test_folds_may_leave_rows_out_or_repeat_them(iris):
    X, y = iris
    splitter = ShuffleSplit(4, random_state=0)
    model = CalibratedClassifier(GaussianNB(), "sigmoid", cv=splitter, ensemble=True).fit(X, y)
    assert len(model.estimators_) == 4


def test_folds_that_share_rows_are_kept_apart_even_if_small(iris):
    X, y = iris
    for splitter in (ShuffleSplit(4), RepeatedStratifiedKFold(n_splits=2, n_repeats=2)):
        model = CalibratedClassifier(GaussianNB(), cv=splitter).fit(X, y)
        assert len(model.estimators_) == 4


def test_folds_may_be_masks_or_come_one_by_one(iris):
    X, y = iris
    folds = list(StratifiedKFold(3).split(X, y))
    expected = CalibratedClassifier(GaussianNB(), cv=folds).fit(X, y).predict_proba(X)
    masks = [[np.isin(np.arange(150), rows) for rows in fold] for fold in folds]
    for routing in (True, False):
        for cv in (masks, iter(folds)):
            with config_context(enable_metadata_routing=routing):
                model = CalibratedClassifier(GaussianNB(), cv=cv).fit(X, y)
            assert_allclose(model.predict_proba(X), expected)


def test_small_folds_are_put_together(breast_cancer):
    X, y = breast_cancer
    assert len(CalibratedClassifier(GaussianNB(), "sigmoid").fit(X, y).estimators_) == 1
    twice = np.vstack([X, X]), np.append(y, y)  # 227 rows a fold
    assert len(CalibratedClassifier(GaussianNB(), "sigmoid").fit(*twice).estimators_) == 5


def test_intervals_only_where_the_calibrator_has_them(breast_cancer):
    X, y = breast_cancer
    for method in METHODS:
        model = CalibratedClassifier(GaussianNB(), method)
        promised = hasattr(model, "predict_proba_interval")
        model.fit(X, y)
        assert hasattr(model, "predict_proba_interval") == promised == (method == "venn_abers")
        if promised:
            interval, p = model.predict_proba_interval(X), model.predict_proba(X)[:, 1]
            assert interval.shape == (len(y), 2)
            assert (interval[:, 0] - 1e-12 <= p).all()
            assert (p <= interval[:, 1] + 1e-12).all()


@pytest.mark.parametrize("method", ["sigmoid", "temperature"])
@pytest.mark.parametrize("ensemble", [True, False])
def test_a_warning_is_given_once_and_points_to_the_call(method, ensemble):
    X, y = make_classification(300, n_informative=4, n_classes=3, random_state=0)

    class Opposed(GaussianNB):
        def predict_proba(self, X):
            return 0.5 - 0.5 * super().predict_proba(X)

    model = CalibratedClassifier(Opposed(), method, ensemble=ensemble)
    with pytest.warns(UncertaintyWarning, match="opposed to the labels") as found:
        model.fit(X, y)
    assert [warning.filename for warning in found] == [__file__]
    with pytest.warns(UncertaintyWarning, match="opposed to the labels") as found:
        model.fit_calibration(X, y)
    assert [warning.filename for warning in found] == [__file__]
    with pytest.warns(UncertaintyWarning, match="opposed to the labels") as found:
        clone(model.calibrators_[0]).fit(Opposed().fit(X, y).predict_proba(X), y)
    assert [warning.filename for warning in found] == [__file__]
