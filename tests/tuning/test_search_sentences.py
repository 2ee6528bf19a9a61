"""What cannot work is said in a sentence, before the first fit."""

import numpy as np
import pytest
import scipy.stats as st
from sklearn.linear_model import LogisticRegression, Ridge

from skboost.tuning import OptunaSearchCV

C = {"C": (0.01, 1.0, "log")}
QUICK = {"n_trials": 3, "cv": 3, "sampler": "random", "random_state": 0}
METRICS = ["accuracy", "recall_macro"]
SEVERAL = {"scoring": METRICS, "objectives": METRICS, "refit": False}

WRONG = {
    "unknown parameter": ({"space": {"Cc": [1]}}, "'Cc' is no parameter of LogisticRegression.*'C'"),
    "empty space": ({"space": {}}, "space={} is empty"),
    "empty list": ({"space": []}, r"space=\[\] is empty"),
    "empty choices": ({"space": {"C": []}}, r"space\['C'\] is empty"),
    "odd space": ({"space": 3}, "space=3 is no search space"),
    "odd range": ({"space": {"C": (3.0, 1.0)}}, r"space\['C'\]=\(3.0, 1.0\) is no range"),
    "huge numbers": ({"space": {"C": (1, 2**53 + 1)}}, r"whole numbers beyond 2\*\*53.*floats"),
    "huge draws": ({"space": {"C": st.randint(0, 2**60)}}, r"space\['C'\].*beyond 2\*\*53"),
    "huge range": ({"space": {"C": (-1e308, 1e308)}}, r"wider than the largest float.*nearer"),
    "no number of trials": ({"n_trials": 0}, "n_trials"),
    "half a trial": ({"n_trials": 2.5}, "n_trials"),
    "batch": ({"batch_size": 0}, "batch_size"),
    "workers": ({"n_jobs": "many"}, "n_jobs"),
    "time": ({"timeout": -1}, "timeout"),
    "limit": ({"fit_timeout": 0}, "fit_timeout"),
    "sampler": ({"sampler": "guess"}, "sampler='guess' is unknown"),
    "sampler of something else": ({"sampler": lambda seed: 3}, "sampler="),
    "sampler of one objective": (
        SEVERAL | {"sampler": "tabu"},
        "sampler='tabu'",
    ),
    "pruner": ({"pruner": "shears"}, "pruner='shears' is unknown"),
    "pruner of rungs": ({"pruner": "halving"}, "pruner='halving' is unknown without a resource"),
    "pruner of folds": (
        {"pruner": "wilcoxon", "resource": "n_samples"},
        "pruner='wilcoxon' is unknown with resource",
    ),
    "pruner of several": (
        SEVERAL | {"pruner": "median"},
        "stop trials by one metric",
    ),
    "resource": ({"resource": "money"}, "resource='money' is neither"),
    "resource twice": ({"resource": "C"}, "resource='C' is also a parameter of the space"),
    "resource twice, in one of several spaces": (
        {"space": [{"tol": (0.1, 1.0)}, {"C": (0.1, 1.0)}], "resource": "C"},
        "resource='C' is also a parameter of the space",
    ),
    "resource that is no count": (
        {"resource": "solver"},
        "resource='solver' has the value 'lbfgs'.*max_resources",
    ),
    "no passes": ({"resource": "partial_fit"}, "LogisticRegression has no partial_fit"),
    "rungs of nothing": ({"min_resources": 3}, "min_resources=3 cannot act without a resource"),
    "most of nothing": ({"max_resources": 3}, "max_resources=3 cannot act without a resource"),
    "more rows than there are": (
        {"resource": "n_samples", "max_resources": 1000},
        "max_resources=1000 is more than the 100 rows",
    ),
    "no room": (
        {"resource": "max_iter", "max_resources": 100, "min_resources": 99},
        "no room for two rungs",
    ),
    "no rows": ({"resource": "n_samples", "min_resources": 0}, "min_resources=0"),
    "rungs by word": ({"resource": "n_samples", "min_resources": "few"}, "min_resources='few'"),
    "half a rung": ({"resource": "n_samples", "max_resources": 50.5}, "max_resources=50.5"),
    "factor": ({"resource": "n_samples", "factor": 1}, "factor"),
    "several metrics": ({"scoring": ["accuracy", "recall_macro"]}, "refit"),
    "refit of an unknown metric": (
        {"scoring": ["accuracy", "recall_macro"], "refit": "f1"},
        "refit",
    ),
    "refit without meaning": ({"refit": 3}, "refit=3"),
    "refit None": ({"refit": None}, "refit=None"),
    "objective": ({"objectives": "auc"}, "objectives: 'auc' is no metric"),
    "no objective": (
        {"scoring": ["accuracy", "recall_macro"], "refit": "accuracy", "objectives": []},
        r"objectives=\[\] must name",
    ),
    "objective twice": (
        {"scoring": ["accuracy"], "refit": "accuracy", "objectives": ["accuracy"] * 2},
        "must name one or several different metrics",
    ),
    "constraint": ({"constraints": {"auc": (0, 1)}}, "constraints: 'auc' is no metric"),
    "interval": ({"constraints": {"score": (1, 0)}}, r"constraints\['score'\]=\(1, 0\)"),
    "bound": ({"constraints": {"score": 0.5}}, r"constraints\['score'\]=0.5 is no interval"),
    "constraints": ({"constraints": ["score"]}, r"constraints=\['score'\]"),
    "scoring": ({"scoring": "beauty"}, "beauty"),
    "scoring of nothing": ({"scoring": []}, "scoring|empty"),
    "folds": ({"cv": 1}, "cross-validation|n_splits|k-fold"),
    "no folds": ({"cv": []}, "cv gives no folds"),
    "more folds than rows": ({"cv": 151}, "n_splits=151"),
    "storage": ({"storage": 3}, "storage=3 is not valid"),
    "database": ({"storage": "nothing://here"}, "storage='nothing://here' cannot be used"),
    "name without storage": ({"study_name": "mine"}, "study_name='mine' needs a storage"),
    "shared without storage": ({"shared": True}, "shared=True needs a storage"),
    "first one unknown": ({"initial_params": [{"Cc": 1.0}]}, "initial_params: 'Cc'"),
    "first one outside": ({"initial_params": [{"C": 1e9}]}, "initial_params: C=1000000000.0 is outside"),
    "first ones": ({"initial_params": {"C": 1.0}}, "initial_params="),
    "callback": ({"callbacks": print}, "callbacks="),
    "callbacks": ({"callbacks": [3]}, "callbacks="),
    "error": ({"error_score": "ignore"}, "error_score='ignore'"),
    "seed": ({"random_state": "one"}, "random_state='one'"),
    "negative seed": ({"random_state": -1}, "random_state=-1"),
    "estimator": ({"estimator": "ridge"}, "estimator='ridge' has no fit"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_work_is_a_sentence(iris, case):
    params, sentence = WRONG[case]
    given = {"estimator": LogisticRegression(), "space": C} | QUICK | params
    with pytest.raises(ValueError, match=sentence) as error:
        OptunaSearchCV(**given).fit(*iris)
    assert "\n" not in str(error.value).strip() or case == "scoring"


def test_callbacks_of_scikit_learn_belong_to_the_estimator():
    with pytest.raises(AttributeError, match="callbacks="):
        OptunaSearchCV(Ridge(), C).set_callbacks  # noqa: B018


def test_a_missing_target_is_told_once():
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        OptunaSearchCV(LogisticRegression(), C).fit(np.eye(4))


def test_rows_must_agree():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        OptunaSearchCV(LogisticRegression(), C).fit(np.eye(4), [0, 1, 0])
