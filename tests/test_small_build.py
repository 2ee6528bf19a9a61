"""A sample of ``tests/long/test_build.py`` that takes seconds: one small kernel, and the sdist."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs the source tree")
unix = pytest.mark.skipif(
    os.name != "posix" or shutil.which("cc") is None, reason="needs a C compiler called cc"
)


@pytest.fixture
def small(tmp_path):
    """The build files and the smallest kernel."""
    folder = tmp_path / "small"
    (folder / "_ext/src").mkdir(parents=True)
    (folder / "skboost/_ext").mkdir(parents=True)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / "_ext/_omp.pyx", folder / "_ext")
    shutil.copy(ROOT / "_ext/src/skb_omp.h", folder / "_ext/src")
    for name in ("skboost/__init__.py", "skboost/_ext/__init__.py"):
        (folder / name).touch()
    return folder


def build(folder, *options, **environment):
    return subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace", *options],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def compiler_without_openmp(folder):
    compiler = folder / "cc"
    compiler.write_text(
        '#!/bin/sh\nfor word; do [ "$word" = -fopenmp ] && exit 1; done\nexec cc "$@"\n'
    )
    compiler.chmod(0o755)
    return str(compiler)


@unix
def test_without_openmp_one_thread_is_left(small, tmp_path):
    done = build(small, CC=compiler_without_openmp(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "OpenMP was not found" in done.stdout + done.stderr
    script = "from skboost._ext._omp import HAVE_OPENMP, effective_n_threads as n; "
    found = subprocess.run(
        [sys.executable, "-c", script + "print(HAVE_OPENMP, n(), n(4))"],
        cwd=small,
        env={**os.environ, "PYTHONPATH": str(small)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["False", "1", "1"]


@unix
def test_force_translates_anew_because_directives_may_have_changed(small):
    assert "Cythonizing" in build(small).stdout
    again = build(small)
    assert again.returncode == 0, again.stderr
    assert "Cythonizing" not in again.stdout
    assert "Cythonizing" in build(small, "--force", SKBOOST_DEBUG="1").stdout


@unix
def test_openmp_that_was_insisted_on_must_be_there(small, tmp_path):
    done = build(small, CC=compiler_without_openmp(tmp_path), SKBOOST_OPENMP="on")
    assert done.returncode != 0
    assert "SKBOOST_OPENMP=on, but the compiler has no OpenMP" in done.stderr


@unix
def test_an_unknown_wish_is_refused(small):
    done = build(small, SKBOOST_OPENMP="maybe")
    assert done.returncode != 0
    assert "SKBOOST_OPENMP='maybe' is unknown" in done.stderr


def test_the_sdist_holds_every_source_and_nothing_compiled(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    ignore = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    for name in ("_ext", "skboost", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    script = "from setuptools import build_meta; build_meta.build_sdist('out')"
    subprocess.run([sys.executable, "-c", script], cwd=source, capture_output=True, check=True)
    with tarfile.open(next((source / "out").glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for kind in ("_ext/**/*.*", "skboost/**/*.py*", "skboost/py.typed", "tests/**/*.py"):
        files = {path.relative_to(source).as_posix() for path in source.glob(kind)}
        assert files
        assert files <= names
    assert not [name for name in names if name.endswith((".c", ".so", ".pyd", ".pyc"))]
