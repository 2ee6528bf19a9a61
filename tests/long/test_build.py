"""Every way to build the package, from a copy of the sources and without a network: minutes."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs the source tree"),
]
BUILT = ("*.so", "*.pyd", "__pycache__", "build", "dist", "*.egg-info", ".*", "_build", "out")


@pytest.fixture
def source(tmp_path):
    """A copy of the sources, without anything compiled."""
    return Path(shutil.copytree(ROOT, tmp_path / "source", ignore=shutil.ignore_patterns(*BUILT)))


def run(*command, cwd, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def passes_kernel_tests(folder, package, tests="tests/ext"):
    """Run the tests in ``folder`` against the package that lies in ``package``."""
    environment = {"PYTHONPATH": str(package), "PYTHONSAFEPATH": "1"}
    where = run("-c", "import skboost; print(skboost.__file__)", cwd=folder, **environment)
    assert Path(where.strip()).is_relative_to(package)
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", folder / tests, cwd=folder, **environment)


@pytest.mark.parametrize(
    "environment",
    [{"SKBOOST_OPENMP": "off"}, {"SKBOOST_DEBUG": "1"}, {"SKBOOST_NO_CLONES": "1"}],
    ids=lambda environment: next(iter(environment)),
)
def test_each_build_passes_the_kernel_tests(source, environment):
    run("setup.py", "build_ext", "--inplace", cwd=source, **environment)
    passes_kernel_tests(source, source)


def test_a_compiler_without_openmp_builds_single_threaded_kernels(source, tmp_path):
    compiler = tmp_path / "cc"
    compiler.write_text(
        '#!/bin/sh\nfor word; do [ "$word" = -fopenmp ] && exit 1; done\nexec cc "$@"\n'
    )
    compiler.chmod(0o755)
    said = run("setup.py", "build_ext", "--inplace", cwd=source, CC=str(compiler))
    assert "OpenMP was not found" in said
    found = run(
        "-c",
        "from skboost._ext._omp import HAVE_OPENMP; print(HAVE_OPENMP)",
        cwd=source,
        PYTHONPATH=str(source),
    )
    assert found.strip() == "False"
    passes_kernel_tests(source, source, "tests/ext/test_threads.py")


def test_the_wheel_is_built_from_the_sdist_alone_and_works(source, tmp_path):
    out = tmp_path / "out"
    script = f"from setuptools import build_meta; build_meta.build_sdist({str(out)!r})"
    run("-c", script, cwd=source)
    with tarfile.open(next(out.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path / "sdist", filter="data")
    unpacked = next((tmp_path / "sdist").iterdir())
    pip = ("-m", "pip", "--disable-pip-version-check")
    offline = ("--no-index", "--no-deps", "--no-build-isolation")
    run(*pip, "wheel", *offline, "-w", out, unpacked, cwd=tmp_path)

    wheel = next(out.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"skboost"}  # and its metadata
    assert not [name for name in names if name.endswith((".c", ".cpp", ".h", ".pyx", ".pxi"))]
    for kernel in (source / "_ext").glob("*.pyx"):
        assert [name for name in names if name.startswith(f"skboost/_ext/{kernel.stem}.")]
    stubs = {path.name for path in (source / "skboost/_ext").glob("*.pyi")}
    assert {f"skboost/_ext/{stub}" for stub in stubs} | {"skboost/py.typed"} <= set(names)

    # "--target" keeps the installation apart from the interpreter that runs this test
    installed = tmp_path / "installed"
    run(*pip, "install", "--no-index", "--no-deps", "--target", installed, wheel, cwd=tmp_path)
    shutil.rmtree(unpacked / "skboost")  # what is left is tests, which must find the installed one
    passes_kernel_tests(unpacked, installed)
