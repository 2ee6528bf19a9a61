"""The machine under a benchmark: threads pinned before NumPy is loaded, a run described."""

import hashlib
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "pandas", "joblib"),
    *("xgboost", "lightgbm", "skboost"),
)
ROOT = Path(__file__).resolve().parents[2]


def pin_threads(n_threads):
    """Give OpenMP ``n_threads`` threads and BLAS one thread, in this process and its children.

    It has to run before NumPy is imported, because the pools read the variables when they are
    loaded. BLAS stays at one thread whatever the rest gets: a BLAS pool that alternates with an
    OpenMP pool makes both spin, and small networks become ten times slower than they are.
    """
    if "numpy" in sys.modules:
        raise RuntimeError(
            "pin_threads was called after NumPy was imported, when it cannot act any more; "
            "call it before any other import of the script."
        )
    for name in POOLS:
        os.environ[name] = "1"
    os.environ["OMP_NUM_THREADS"] = str(n_threads)


def describe_run(threads):
    """Return Markdown lines with the command, the versions and the machine."""
    versions = [f"{name} {_version(name)}" for name in PACKAGES]
    command = " ".join(["python", *sys.argv])
    return [
        f"- command: `{command}`",
        f"- versions: Python {platform.python_version()}, " + ", ".join(versions),
        f"- machine: {_processor()}, {os.cpu_count()} cores, {platform.system()}; "
        f"{threads} thread(s) a fit, BLAS 1",
    ]


def source_stamp():
    """Return ten hex digits that change with the source of skboost or with how it is tuned here."""
    digest = hashlib.sha256()
    for folder in ("skboost", "_ext"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".pyx", ".pxi", ".pxd", ".h"):
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    digest.update(Path(__file__).with_name("_peers.py").read_bytes())
    return digest.hexdigest()[:10]


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
