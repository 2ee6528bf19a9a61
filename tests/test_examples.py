"""The examples run, on a small scale, and draw their pictures."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(set(FOLDER.glob("*/**/[!_]*.py")) - set(FOLDER.glob("benchmarks/**/*.py")))
# of scripts that are not named here any picture will do
PICTURES = {
    "networks/quickstart": {"loss_by_stage", "score_by_units", "two_moons", "one_column"},
    "networks/early_stopping_in_a_pipeline": {"loss_by_stage"},
    "networks/counts_and_quantiles": {"day"},
    "networks/head_on_a_deep_network": {"loss_by_stage"},
    "networks/tuning_with_optuna": {"trials"},
    "networks/papers/gbnn_moons": {"boundary_by_units"},
    "calibration/quickstart": {"reliability", "intervals", "digits"},
    "calibration/mean_intervals": {"mean_and_next"},
    "calibration/papers/radiomics_protocol": {
        "by_certainty",
        "by_share_kept",
        "leave_one_out",
        "one_study",
    },
    "conformal/quickstart": {"diabetes_intervals", "law_of_coverage", "digits_and_sets"},
    "conformal/heteroscedastic": {"intervals", "width_and_coverage", "distributions", "real_data"},
    "conformal/coverage_by_group": {"one_draw", "many_draws", "classes"},
    "conformal/drifting_stream": {"stream", "gammas"},
    "tuning/quickstart": {"history", "where_it_went"},
    "tuning/crash_and_resume": {"trials"},
    "tuning/two_objectives": {"fronts"},
    "tuning/papers/tabu_against_grid": {"regret"},
    "conformal/papers/jackknife_plus": {"coverage_by_columns", "synthetic_example"},
}


def name_of(script):
    """Topic folder and name, such as networks/quickstart."""
    return script.relative_to(FOLDER).with_suffix("").as_posix()


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_an_example_runs_and_draws(script, tmp_path):
    # one thread: pools that wait for one another are the slowest part of small fits on a busy machine
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = {**os.environ, **threads, "MPLBACKEND": "Agg", "SKBOOST_QUICK": "1"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    drawn = {picture.stem for picture in (tmp_path / "out" / name_of(script)).glob("*.png")}
    assert drawn
    assert drawn == PICTURES.get(name_of(script), drawn)


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_an_example_argues(script):
    text = script.read_text()
    doc = ast.get_docstring(ast.parse(text))
    assert "Question:" in doc
    assert "Data:" in doc
    assert text.count("\n# %%\n") >= 4
    assert "\n# What this shows." in text
