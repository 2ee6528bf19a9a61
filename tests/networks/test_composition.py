"""Estimators inside of the tools of scikit-learn and of others."""

import copy
import io
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import BaggingRegressor, StackingClassifier, VotingRegressor
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OrdinalEncoder, StandardScaler

from skboost.boosting import LineSearchStep
from skboost.learners import NetworkLearner
from skboost.losses import Huber
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor
from skboost.penalties import Covariance

FAST = {"n_stages": 4, "units_per_stage": 3, "n_threads": 1, "random_state": 0}


def regressor(**settings):
    return BoostedNetworkRegressor(**FAST | settings)


def classifier(**settings):
    return BoostedNetworkClassifier(**FAST | settings)


def test_grid_search_over_the_estimator_and_its_pieces(diabetes):
    X, y = diabetes
    grid = [
        {"learning_rate": [0.1, 1.0], "loss": ["squared_error"]},
        {"loss": [Huber()], "loss__delta": [1.0, 50.0]},
        {"units_per_stage": [10], "learner": [NetworkLearner(2)], "learner__alpha": [0.1, 10.0]},
        {"step": [LineSearchStep()], "step__tol": [1e-3]},
    ]
    search = GridSearchCV(regressor(), grid, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(np.unique(search.cv_results_["mean_test_score"])) >= 6
    assert_allclose(search.predict(X), search.best_estimator_.predict(X))


def test_nested_names_reach_the_pieces():
    model = regressor(loss=Huber(delta=3.0), penalty=Covariance(), learner=NetworkLearner())
    assert model.get_params()["loss__delta"] == 3.0
    model.set_params(loss__delta=1.5, penalty__strength=7.0, learner__n_units=9)
    assert (model.loss.delta, model.penalty.strength, model.learner.n_units) == (1.5, 7.0, 9)


def test_pieces_of_the_caller_are_left_alone(diabetes):
    X, y = diabetes
    loss, penalty = Huber(), Covariance()
    before = copy.deepcopy(vars(loss)), copy.deepcopy(vars(penalty))
    model = regressor(loss=loss, penalty=penalty).fit(X, y, sensitive_features=X[:, 1])
    assert (vars(loss), vars(penalty)) == before
    assert model.loss is loss
    assert model.loss_ is not loss


def test_cross_validation_and_learning_curves(breast_cancer):
    X, y = breast_cancer
    scores = cross_validate(
        classifier(), X, y, cv=3, scoring=["accuracy", "neg_log_loss", "roc_auc"]
    )
    assert scores["test_accuracy"].min() > 0.93
    assert scores["test_roc_auc"].min() > 0.98
    proba = cross_val_predict(classifier(), X, y, cv=3, method="predict_proba")
    assert_allclose(proba.sum(axis=1), 1.0)
    sizes, _, test = learning_curve(classifier(), X, y, cv=2, train_sizes=[0.2, 1.0])
    assert test[-1].mean() > test[0].mean() - 0.05


def test_pipelines(breast_cancer, diabetes):
    X, y = breast_cancer
    pipe = make_pipeline(StandardScaler(), classifier()).fit(X, y)
    assert pipe.score(X, y) > 0.95
    assert pipe.predict_proba(X[:3]).shape == (3, 2)
    assert pipe[-1].to_network().n_units == pipe[-1].n_units_
    X, y = diabetes
    model = TransformedTargetRegressor(regressor(), func=np.log, inverse_func=np.exp).fit(X, y)
    assert model.score(X, y) > 0.4


def test_validation_rows_go_through_the_pipeline(breast_cancer):
    X, y = breast_cancer
    shifted = X * 7.0 + 100.0
    with config_context(enable_metadata_routing=True):
        final = classifier(n_stages=40, n_iter_no_change=3, learning_rate=1.0)
        final.set_fit_request(X_val=True, y_val=True)
        pipe = Pipeline(
            [("scale", MinMaxScaler((0, 5))), ("model", final)], transform_input=["X_val"]
        )
        pipe.fit(shifted[:400], y[:400], X_val=shifted[400:], y_val=y[400:])
    scaled = pipe[0].transform(shifted)
    plain = clone(final).fit(scaled[:400], y[:400], X_val=scaled[400:], y_val=y[400:])
    assert_array_equal(pipe[-1].validation_loss_, plain.validation_loss_)
    assert pipe[-1].n_stages_ == np.argmin(plain.validation_loss_) < 40


def test_weights_and_sensitive_features_are_routed(breast_cancer):
    X, y = breast_cancer
    weight = np.arange(len(y)) % 3
    with config_context(enable_metadata_routing=True):
        model = classifier(penalty="covariance", early_stopping=False)
        model.set_fit_request(sample_weight=True, sensitive_features=True)
        model.set_score_request(sample_weight=True)
        scores = cross_validate(
            model,
            X,
            y,
            cv=2,
            params={"sample_weight": weight, "sensitive_features": X[:, 0]},
        )
    assert scores["test_score"].min() > 0.7


def test_copies_of_all_kinds_predict_the_same(breast_cancer, tmp_path):
    joblib = pytest.importorskip("joblib")
    X, y = breast_cancer
    model = classifier(warm_start=True, n_folds=2).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    for twin in (
        pickle.loads(pickle.dumps(model)),
        copy.copy(model),
        copy.deepcopy(model),
        joblib.load(tmp_path / "model"),
    ):
        assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
        assert_array_equal(twin.train_loss_, model.train_loss_)
        twin.set_params(n_stages=6).fit(X, y)  # and can be continued
        assert twin.train_loss_.shape == (8,)
    assert model.train_loss_.shape == (6,)
    assert not hasattr(clone(model), "model_")


def test_a_pickle_is_not_much_larger_than_the_weights(breast_cancer):
    X, y = breast_cancer
    model = classifier(units_per_stage=50, n_stages=20, early_stopping=False).fit(X, y)
    n_numbers = model.n_units_ * (X.shape[1] + 2)
    assert len(pickle.dumps(model)) < 8 * n_numbers * 2.5 + 50_000


def test_an_optuna_study_tunes_it(breast_cancer):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    X, y = breast_cancer

    def objective(trial):
        model = classifier(
            learning_rate=trial.suggest_float("learning_rate", 0.05, 1.0, log=True),
            alpha=trial.suggest_float("alpha", 0.1, 10.0, log=True),
            activation=trial.suggest_categorical("activation", ["tanh", "relu"]),
        )
        return model.fit(X[:400], y[:400]).score(X[400:], y[400:])

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=4)
    assert study.best_value > 0.93


def test_other_meta_estimators(iris, diabetes):
    X, y = iris
    stack = StackingClassifier([("net", classifier())], LogisticRegression(), cv=2).fit(X, y)
    assert stack.score(X, y) > 0.9
    calibrated = CalibratedClassifierCV(classifier(), cv=2).fit(X, y)
    assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1.0)
    several = MultiOutputClassifier(classifier()).fit(X, np.column_stack([y, y > 0]))
    assert several.predict(X).shape == (150, 2)
    X, y = diabetes
    assert VotingRegressor([("a", regressor()), ("b", regressor(loss="huber"))]).fit(X, y)
    assert BaggingRegressor(regressor(), n_estimators=2, random_state=0).fit(X, y).score(X, y) > 0.4


def test_inspection_works(diabetes):
    X, y = diabetes
    model = regressor().fit(X, y)
    found = permutation_importance(model, X, y, n_repeats=3, random_state=0)
    assert {2, 8} <= set(np.argsort(found.importances_mean)[-4:])  # body mass index and s5
    curve = partial_dependence(model, X, [2], grid_resolution=5)["average"][0]
    assert curve[-1] > curve[0]
    with pytest.raises((ValueError, AttributeError)):
        SelectFromModel(model, prefit=True).transform(X)  # there are no coefficients to select by


def test_a_column_transformer_with_frames(diabetes):
    pd = pytest.importorskip("pandas")
    X, y = diabetes
    frame = pd.DataFrame(X, columns=[f"c{k}" for k in range(10)])
    frame["group"] = np.where(X[:, 1] > 0, "a", "b")
    encode = make_column_transformer((OrdinalEncoder(), ["group"]), remainder="passthrough")
    pipe = make_pipeline(encode.set_output(transform="pandas"), regressor()).fit(frame, y)
    assert pipe.score(frame, y) > 0.4
    assert "remainder__c3" in pipe[-1].feature_names_in_


def test_reprs():
    model = BoostedNetworkClassifier(alpha=2.0, loss="half_log_loss")
    assert repr(model) == "BoostedNetworkClassifier(alpha=2.0, loss='half_log_loss')"
    html = model._repr_html_()
    assert "BoostedNetworkClassifier" in html
    assert "half_log_loss" in html
    fitted = model.set_params(**FAST).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    assert "BoostedNetworkClassifier" in fitted._repr_html_()
    assert eval(repr(fitted)).get_params() == fitted.get_params()


def test_output_is_written_nowhere(breast_cancer, capfd):
    X, y = breast_cancer
    classifier().fit(X, y).predict(X)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_files_in_memory(breast_cancer):
    X, y = breast_cancer
    model = classifier().fit(X, y)
    stream = io.BytesIO()
    pickle.dump(model, stream, protocol=5)
    assert_array_equal(pickle.loads(stream.getvalue()).predict(X), model.predict(X))
