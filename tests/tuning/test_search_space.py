"""The space of a search: the same distribution in every way of writing it, and natural values back."""

import numpy as np
import optuna
import pytest
import scipy.stats as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skboost.tuning._keyed import KeyedSampler
from skboost.tuning._space import search_space

N_DRAWS = 2000


def study_of(seed=0):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        sampler=KeyedSampler(lambda s: optuna.samplers.RandomSampler(seed=s), seed)
    )


def draws(space, name="x", n=N_DRAWS, seed=0):
    study, space = study_of(seed), search_space(space)
    values = []
    for _ in range(n):
        trial, params = space.ask(study)
        assert space.decode(study.tell(trial, 0.0)) == params
        values.append(params.get(name))
    return values


# what the user may write, and SciPy's distribution function of the values; the bound of the test is 1e-5
CONTINUOUS = {
    "tuple": ({"x": (1.0, 3.0)}, st.uniform(1, 2).cdf),
    "log tuple": ({"x": (0.01, 10.0, "log")}, st.loguniform(0.01, 10).cdf),
    "uniform": ({"x": st.uniform(1, 2)}, st.uniform(1, 2).cdf),
    "loguniform": ({"x": st.loguniform(0.01, 10)}, st.loguniform(0.01, 10).cdf),
    "shifted loguniform": (
        {"x": st.loguniform(0.01, 10, loc=2)},
        st.loguniform(0.01, 10, loc=2).cdf,
    ),
    "expon": ({"x": st.expon(scale=3)}, st.expon(scale=3).cdf),
    "norm": ({"x": st.norm(1, 2)}, st.norm(1, 2).cdf),
    "optuna": ({"x": FloatDistribution(0.01, 10, log=True)}, st.loguniform(0.01, 10).cdf),
    "callable": (
        lambda trial: {"x": trial.suggest_float("x", 0.01, 10, log=True)},
        st.loguniform(0.01, 10).cdf,
    ),
    "one of one": ([{"x": (1.0, 3.0)}], st.uniform(1, 2).cdf),
}


@pytest.mark.parametrize("way", CONTINUOUS)
def test_continuous_values_follow_their_distribution(way):
    space, cdf = CONTINUOUS[way]
    assert st.kstest(draws(space), cdf).pvalue > 1e-5


DISCRETE = {
    "list": ({"x": ["a", "b", None]}, {"a": 1, "b": 1, None: 1}),
    "numbers in order": ({"x": [1, 2, 5, 10, 50]}, dict.fromkeys([1, 2, 5, 10, 50], 1)),
    "array": ({"x": np.array([0.5, 0.25])}, {0.5: 1, 0.25: 1}),
    "tuples": ({"x": [(10,), (5, 5)]}, {(10,): 1, (5, 5): 1}),
    "int range": ({"x": (1, 4)}, dict.fromkeys([1, 2, 3, 4], 1)),
    "randint": ({"x": st.randint(1, 5)}, dict.fromkeys([1, 2, 3, 4], 1)),
    "binomial": ({"x": st.binom(3, 0.5)}, {0: 1, 1: 3, 2: 3, 3: 1}),
    "optuna": ({"x": IntDistribution(2, 8, step=2)}, dict.fromkeys([2, 4, 6, 8], 1)),
    "optuna choices": ({"x": CategoricalDistribution(["a", "b"])}, {"a": 1, "b": 1}),
    "dicts": ([{"x": ["a"]}, {"x": ["b", "c"]}], {"a": 2, "b": 1, "c": 1}),
}


@pytest.mark.parametrize("way", DISCRETE)
def test_discrete_values_have_their_probabilities(way):
    space, shares = DISCRETE[way]
    values = draws(space, n=N_DRAWS // 4)
    expected = np.array(list(shares.values())) / sum(shares.values())
    counts = [sum(v == value and type(v) is type(value) for v in values) for value in shares]
    assert sum(counts) == len(values)
    assert st.chisquare(counts, expected * len(values)).pvalue > 1e-5


ROUND_TRIPS = [
    ({"x": [(10,), (5, 5)], "y": (0.0, 1.0)}, {"x": (5, 5), "y": 0.25}),
    ({"x": [1, 2, 5, 10, 50]}, {"x": 10}),
    ({"x": [True, 1, None, "1"]}, {"x": 1}),
    ({"x": [np.float64(0.5), "auto"]}, {"x": 0.5}),
    ({"x": st.expon(scale=2)}, {"x": 1.5}),
    ({"x": st.poisson(3)}, {"x": 4}),
    ([{"x": [1]}, {"y": (0.0, 1.0)}], {"y": 0.5}),
]


@pytest.mark.parametrize(("space", "params"), ROUND_TRIPS)
def test_natural_values_survive_optuna(space, params):
    space, study = search_space(space), study_of()
    study.enqueue_trial(space.encode(params))
    _, found = space.ask(study)
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in params.items()
    }
    assert {n: v if isinstance(v, tuple) else pytest.approx(v) for n, v in params.items()} == found


def test_choices_survive_a_journal_as_the_same_objects(tmp_path):
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    models = [SVC(), LogisticRegression(), SVC(C=2)]
    space = search_space({"model": models, "layers": [(10,), (5, 5)]})
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal")))
    study = optuna.create_study(storage=storage, study_name="s")
    asked = []
    for _ in range(8):
        trial, params = space.ask(study)
        study.tell(trial, 0.0)
        asked.append(params)
    again = optuna.load_study(study_name="s", storage=storage)
    for trial, params in zip(again.trials, asked, strict=True):
        found = space.decode(trial)
        assert found["model"] is params["model"]
        assert found["layers"] is params["layers"]


@pytest.mark.parametrize(
    ("space", "count"),
    [
        ({"a": [1, 2], "b": (1, 3)}, 6),
        ({"a": [1, 2], "b": (1.0, 3.0)}, None),
        ([{"a": [1, 2]}, {"b": (1, 3)}], 5),
        (lambda trial: {}, None),
        ({"a": IntDistribution(1, 9, step=4)}, 3),
        ({"a": (2**53 - 4, 2**53)}, 5),
        ({"a": (-(2**53), 4 - 2**53)}, 5),
    ],
)
def test_points_are_counted(space, count):
    assert search_space(space).n_points == count


def test_parameters_of_a_choice_may_be_searched_with_it():
    pipeline = Pipeline([("model", SVC())])
    branches = [
        {"model": [SVC()], "model__gamma": (0.1, 1.0)},
        {"model": [LogisticRegression()], "model__l1_ratio": (0.0, 1.0)},
    ]
    search_space(branches).check(pipeline)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({}, "empty"),
        ([], "empty"),
        ({"C": []}, "empty"),
        ({"C": (1, 2, 3)}, "list"),
        ({"C": ("a", "b")}, "list"),
        ({"C": (0.0, 1.0, "log")}, "logarithmic"),
        ({"C": (2.0, 1.0)}, "low <= high"),
        ({"C": (0.0, np.inf)}, "finite"),
        ({"C": (-1 - 2**53, 0)}, r"beyond 2\*\*53"),
        ({"C": IntDistribution(0, 2**60)}, r"beyond 2\*\*53"),
        ([{"C": FloatDistribution(-1e308, 1e308)}], "wider than the largest float"),
        ({"C": 1.0}, "space\\['C'\\]=1.0"),
        ({"C": "rbf"}, "list of choices"),
        (3, "space=3"),
    ],
)
def test_bad_spaces_get_a_sentence(space, words):
    with pytest.raises(ValueError, match=words):
        search_space(space)


def test_an_unknown_name_is_compared_with_known_ones():
    with pytest.raises(ValueError, match="did you mean 'gamma'"):
        search_space({"gama": (0.1, 1.0)}).check(SVC())


def test_a_description_changes_with_the_space_only():
    def text(space):
        return search_space(space).describe()

    assert text({"C": (0.1, 1.0)}) == text({"C": (0.1, 1.0)})
    assert text({"C": (0.1, 1.0)}) != text({"C": (0.1, 2.0)})
    assert text({"C": st.expon(scale=1)}) != text({"C": st.expon(scale=2)})
    assert text({"m": [SVC(C=1)]}) != text({"m": [SVC(C=2)]})
    assert "0x" not in str(text({"m": [object(), np.mean]}))


def test_a_name_without_its_step_is_given_the_step():
    model = make_pipeline(StandardScaler(), SVC())
    with pytest.raises(ValueError, match="'C' is no parameter of Pipeline; did you mean 'svc__C'"):
        search_space({"C": (0.1, 1.0)}).check(model)
