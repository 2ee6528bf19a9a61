"""The examples run, on a small scale, and draw their pictures."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples" / "networks"
SCRIPTS = sorted(FOLDER.rglob("*.py"))
# papers/ draws what the paper draws; of these scripts any picture will do
PICTURES = {
    "quickstart": {"loss_by_stage", "score_by_units", "two_moons", "one_column"},
    "early_stopping_in_a_pipeline": {"loss_by_stage"},
    "counts_and_quantiles": {"day"},
    "head_on_a_deep_network": {"loss_by_stage"},
    "tuning_with_optuna": {"trials"},
    "gbnn_moons": {"boundary_by_units"},
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_runs_and_draws(script, tmp_path):
    # one thread: pools that wait for one another are the slowest part of small fits on a busy machine
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = {**os.environ, **threads, "MPLBACKEND": "Agg", "SKBOOST_QUICK": "1"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    drawn = {picture.stem for picture in (tmp_path / "out" / script.stem).glob("*.png")}
    assert drawn
    assert drawn == PICTURES.get(script.stem, drawn)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_an_example_argues(script):
    text = script.read_text()
    doc = ast.get_docstring(ast.parse(text))
    assert "Question:" in doc
    assert "Data:" in doc
    assert text.count("\n# %%\n") >= 4
    assert "\n# What this shows." in text
