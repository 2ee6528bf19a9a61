"""What is public, with signatures, and what an import costs.

``tests/public_api.txt`` lists every public name; run this file to write it anew after a change that is meant.
"""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import skboost

LIST = Path(__file__).with_name("public_api.txt")
TOPICS = sorted(m.name for m in pkgutil.iter_modules(skboost.__path__) if m.name[0] != "_")
PACKAGES = [
    name for name in TOPICS if hasattr(importlib.import_module(f"skboost.{name}"), "__all__")
]
HEAVY = (
    "matplotlib",
    "numba",
    "onnx",
    "optuna",
    "pandas",
    "polars",
    "pyarrow",
    "rich",
    "torch",
    "xgboost",
)
# modules beyond those that sklearn.ensemble loads, for one estimator: our own small files, and those of other packages;
# tests/long/test_import_time.py measures the seconds
OWN_BUDGET = 100
FOREIGN_BUDGET = 10


def signature(value):
    """Signature without annotations, which are for type checkers."""
    found = inspect.signature(value)
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=plain, return_annotation=inspect.Signature.empty))


def is_error(value):
    """Errors take what their builtin base takes, which has no signature."""
    return inspect.isclass(value) and issubclass(value, Exception)


def public_methods(kind):
    """Methods and properties that skboost itself defines, inherited ones included."""
    for name in sorted(dir(kind)):
        value = inspect.getattr_static(kind, name)
        if name[0] == "_" or isinstance(value, property):
            continue
        value = getattr(kind, name)
        if inspect.isroutine(value) and str(getattr(value, "__module__", "")).startswith("skboost"):
            yield name, value


def public_api():
    """A line for each public name and method."""
    for topic in PACKAGES:
        module = importlib.import_module(f"skboost.{topic}")
        for name in sorted(module.__all__):
            value, path = getattr(module, name), f"skboost.{topic}.{name}"
            if not callable(value) or is_error(value):
                yield path
                continue
            yield path + signature(value)
            if inspect.isclass(value):
                for method, function in public_methods(value):
                    yield f"    {path}.{method}{signature(function)}"


def test_public_names_and_signatures_change_only_on_purpose():
    found, listed = list(public_api()), LIST.read_text().splitlines()
    new, gone = sorted(set(found) - set(listed)), sorted(set(listed) - set(found))
    assert found == listed, (
        f"new: {new}; gone: {gone}. If this is meant, run python tests/test_public_api.py."
    )


@pytest.mark.parametrize("topic", PACKAGES)
def test_public_names_are_defined_in_their_topic(topic):
    module = importlib.import_module(f"skboost.{topic}")
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        # registries and other values have no home of their own
        home = value.__module__ if callable(value) else f"skboost.{topic}"
        assert home.startswith(f"skboost.{topic}"), f"{name} is defined in {home}"


def test_files_with_an_underscore_hold_what_packages_export():
    for topic in PACKAGES:
        folder = Path(skboost.__file__).parent / topic
        files = [p.name for p in folder.glob("*.py") if not p.name.startswith("_")]
        assert not files, f"skboost/{topic}: {files} should start with an underscore"


IMPORTED = """
import json, sys
import sklearn.ensemble
before = set(sys.modules)
from skboost.networks import {name}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize("name", ["BoostedNetworkClassifier", "BoostedNetworkRegressor"])
def test_an_estimator_is_imported_cheaply(name):
    code = IMPORTED.format(name=name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    heavy = sorted({module.split(".")[0] for module in loaded} & set(HEAVY))
    assert not heavy
    foreign = [module for module in loaded if module.split(".")[0] != "skboost"]
    assert len(foreign) <= FOREIGN_BUDGET, foreign
    assert len(loaded) - len(foreign) <= OWN_BUDGET


def test_the_package_itself_imports_next_to_nothing():
    code = "import sys; import skboost; print(sorted(m for m in sys.modules if m.startswith('skboost.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_known():
    assert skboost.__version__[0].isdigit()


if __name__ == "__main__":
    LIST.write_text("\n".join(public_api()) + "\n")
    print(f"{LIST} is written.")
