"""The documentation: complete API pages, documented parameters, examples that run."""

import ast
import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import skboost

ROOT = Path(__file__).parents[1]
SHOWN = re.compile(r"^\.\. (?:autoclass|autofunction|py:data):: (\S+)$", re.MULTILINE)


def every_module():
    """All Python modules of the package, private ones too."""
    yield skboost
    for found in pkgutil.walk_packages(skboost.__path__, "skboost."):
        yield importlib.import_module(found.name)


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("pages", ROOT / "doc" / "pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def public_objects():
    """Pairs of path and value of all names in ``__all__`` of a topic."""
    for topic in pkgutil.iter_modules(skboost.__path__):
        module = importlib.import_module(f"skboost.{topic.name}")
        if topic.name[0] != "_":
            for name in getattr(module, "__all__", ()):
                yield f"skboost.{topic.name}.{name}", getattr(module, name)


PUBLIC = dict(public_objects())
CLASSES = {path: value for path, value in PUBLIC.items() if inspect.isclass(value)}


def test_every_public_name_is_on_one_api_page(pages, tmp_path):
    pages.write(tmp_path / "api", ROOT)
    text = "\n".join(page.read_text() for page in sorted((tmp_path / "api").glob("*.rst")))
    shown = Counter(SHOWN.findall(text))
    assert {path for path, count in shown.items() if count > 1} == set()
    assert set(PUBLIC) <= set(shown)


def test_every_page_is_in_a_list_of_contents(pages, tmp_path):
    pages.write(tmp_path / "api", ROOT)
    listed = "\n".join(page.read_text() for page in (tmp_path / "api").glob("*.rst")).splitlines()
    for page in (tmp_path / "api").glob("*.rst"):
        assert page.stem == "index" or f"   {page.stem}" in listed


def test_every_loss_is_in_the_table_of_losses(pages):
    from skboost.losses import LOSSES

    table = pages.losses_table()
    assert all(f'``"{alias}"``' in table for alias in LOSSES.aliases())


def test_markdown_of_the_changelog_becomes_restructured_text(pages):
    text = pages.restructured("# T\n\n## New\n\n- `a` and [b](https://example.org)\n")
    assert text == "\nNew\n---\n\n\n- ``a`` and `b <https://example.org>`__\n"


@pytest.mark.parametrize("path", PUBLIC)
def test_public_things_have_a_docstring(path):
    value = PUBLIC[path]
    if not hasattr(value, "aliases"):  # registries are described by their page
        assert inspect.getdoc(value)
    if inspect.isclass(value):
        for name, member in vars(value).items():
            if inspect.isfunction(member) and not name.startswith(("_", "test_")):
                assert inspect.getdoc(getattr(value, name)), f"{path}.{name} has no docstring"


@pytest.mark.parametrize(
    "path", [path for path, value in CLASSES.items() if issubclass(value, BaseEstimator)]
)
def test_constructor_parameters_are_documented_in_their_order(path):
    value = CLASSES[path]
    names = list(value._get_param_names()) if value.__init__ is not object.__init__ else []
    parameters = [p for p in inspect.signature(value).parameters if p in names]
    section = re.search(
        r"Parameters\n-+\n(.*?)(?=\n\n?\w[\w ]*\n-{3,}\n|\Z)", inspect.getdoc(value), re.DOTALL
    )
    items = re.findall(r"^(\w[\w, ]*?) :", section[1], re.MULTILINE) if section else []
    documented = [name.strip() for item in items for name in item.split(",")]
    assert documented == parameters


@pytest.mark.parametrize("name", ["BoostedNetworkClassifier", "BoostedNetworkRegressor"])
def test_defaults_in_docstrings_are_those_of_the_signature(name):
    value = PUBLIC[f"skboost.networks.{name}"]
    written = dict(re.findall(r"^(\w+) : .*default=(.+)$", inspect.getdoc(value), re.MULTILINE))
    for parameter in inspect.signature(value).parameters.values():
        assert ast.literal_eval(written[parameter.name]) == parameter.default, parameter.name


def examples():
    """Doctests of all modules, one parameter for each docstring that has some."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in every_module():
        for test in finder.find(module):
            if test.examples:
                yield pytest.param(test, id=test.name.removeprefix("skboost."))


@pytest.mark.parametrize("test", list(examples()))
def test_examples_in_docstrings_run(test):
    messages = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=messages.append)
    assert not runner.failures, "".join(messages)
