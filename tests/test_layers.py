"""Imports inside the package only point down, and into other packages only at public names."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LAYERS = [
    {"_registry", "_optional", "exceptions", "_ext"},
    {"base", "_validation", "_axes"},
    {"losses", "penalties", "learners", "tables", "metrics", "datasets", "_crossfit"},
    {"boosting"},
    {"networks", "trees", "multitask", "fairness", "calibration", "conformal"},
    {"tuning", "inspection"},
    {"testing"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# these wrap any estimator and must not know how boosting works
NO_ENGINE = {"calibration", "conformal"}

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skboost"
FILES = sorted(PACKAGE.rglob("*.py"))
KERNELS = sorted(ROOT.glob("_ext/**/*.pyx")) + sorted(PACKAGE.rglob("*.pyi"))


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that a file imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def breaches(me: str, tree: ast.AST) -> list[str]:
    """What the package or module ``me`` of skboost must not import."""
    bad = []
    for line, name in imports(tree):
        parts = name.split(".")
        if name.startswith("."):
            bad.append(f"line {line}: relative import {name}")
        elif parts[0] == "skboost":
            other = parts[1] if len(parts) > 1 else "__init__"
            if other == me:
                continue
            if other not in RANK:
                bad.append(f"line {line}: {name} belongs to no layer")
            elif RANK[other] >= RANK[me]:
                bad.append(f"line {line}: {me} imports {other}, which is not below it")
            elif other == "boosting" and me in NO_ENGINE:
                bad.append(f"line {line}: {me} must serve any estimator, but imports the engine")
            elif len(parts) > 2 and parts[-1].startswith("_") and other != "_ext":
                bad.append(f"line {line}: {name} is private to {other}")
        elif name != "__future__.annotations" and any(part.startswith("_") for part in parts):
            bad.append(f"line {line}: {name} is private to another package")
    return bad


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    me = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    tree = ast.parse(path.read_text())
    if me == "__init__":
        names = [name for _, name in imports(tree) if name.startswith("skboost")]
        assert names == [], "importing skboost must not import its parts"
        return
    assert me in RANK, f"{me} has no place among the layers of tests/test_layers.py"
    assert breaches(me, tree) == []


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.name)
def test_kernels_know_nothing_of_the_rest(path):
    lines = path.read_text().splitlines()
    bad = [line for line in lines if line.startswith(("from skboost", "import skboost"))]
    assert [line for line in bad if not line.startswith("from skboost._ext")] == []


@pytest.mark.parametrize(
    ("me", "code"),
    [
        ("losses", "from skboost.boosting import Engine"),
        ("losses", "from skboost import penalties"),
        ("networks", "import skboost.trees"),
        ("losses", "def f():\n    from skboost.learners import Learner"),
        ("calibration", "from skboost.boosting import Engine"),
        ("networks", "from skboost.losses._logistic import _softmax"),
        ("networks", "from skboost.nowhere import Thing"),
        ("losses", "from . import _base"),
        ("losses", "from ._base import Loss"),
        ("losses", "import skboost"),
        ("base", "from sklearn.utils._param_validation import Interval"),
        ("base", "from scipy.optimize import _lbfgsb"),
        ("base", "import numpy.core._methods"),
    ],
)
def test_the_rule_finds_a_breach(me, code):
    assert len(breaches(me, ast.parse(code))) == 1


@pytest.mark.parametrize(
    ("me", "code"),
    [
        ("networks", "from skboost.losses import LOSSES"),
        ("losses", "from skboost.losses._base import Loss"),
        ("losses", "from skboost._validation import Number"),
        ("networks", "from skboost.boosting._estimator import BoostedEstimator"),
        ("learners", "from skboost._ext._network import evaluate"),
        ("base", "from __future__ import annotations\nfrom sklearn.utils import check_array"),
        ("testing", "from skboost.networks import BoostedNetworkClassifier"),
    ],
)
def test_the_rule_lets_the_rest_pass(me, code):
    assert breaches(me, ast.parse(code)) == []
