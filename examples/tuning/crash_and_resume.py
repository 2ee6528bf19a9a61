"""A search is killed in the middle, twice, and goes on.

Question: a search that runs over night dies at four in the morning. What is lost, and is the result still the one
that it would have been?

Data: wine, bundled with scikit-learn (178 wines, 13 columns, three growers). The script starts itself as another
process, kills that with SIGKILL (no chance to tidy up) when half a dozen trials are on record, and does so again;
then it lets a third run come to its end. Beside it an uninterrupted search with the same seed. Takes about half a
minute; the picture goes to ``out/tuning/crash_and_resume``.
"""

# %%
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from sklearn.datasets import load_wine
from sklearn.svm import SVC

from skboost.tuning import OptunaSearchCV

OUT = Path("out/tuning/crash_and_resume")
QUICK = os.environ.get("SKBOOST_QUICK") == "1"
N_TRIALS = 16 if QUICK else 40
KILL_AFTER = (4, 9) if QUICK else (7, 22)  # trials on record
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
optuna.logging.set_verbosity(optuna.logging.WARNING)


class SlowSVC(SVC):
    """A model whose fits take long enough to be killed in."""

    def fit(self, X, y):
        time.sleep(0.02)
        return super().fit(X, y)


def search(journal):
    """Forty settings of a support vector machine; the random numbers of each trial come from its number."""
    X, y = load_wine(return_X_y=True)
    space = {"C": (0.01, 1e4, "log"), "gamma": (1e-6, 1.0, "log")}
    return OptunaSearchCV(
        SlowSVC(),
        space,
        n_trials=N_TRIALS,
        storage=journal,
        study_name="wine",
        random_state=0,
    ).fit((X - X.mean(axis=0)) / X.std(axis=0), y)


# %%
# As another process the script does nothing but the search.
if len(sys.argv) == 2:
    search(sys.argv[1])
    sys.exit()


# %%
# Start it, wait until there are so many trials on record, and kill it.
def on_record(journal):
    """Trials that the file holds."""
    if not Path(journal).exists():
        return []
    storage = JournalStorage(JournalFileBackend(str(journal)))
    names = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=names[0], storage=storage).trials if names else []


def run_and_kill(journal, n_trials):
    """Trials that are on record after the process was killed."""
    process = subprocess.Popen([sys.executable, __file__, str(journal)])
    while process.poll() is None and len(on_record(journal)) < n_trials:
        time.sleep(0.05)
    if process.poll():
        raise RuntimeError("the search has ended with an error, before it was killed")
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(on_record(journal))


journal = Path(tempfile.mkdtemp()) / "search.journal"
marks = []
for n_trials in KILL_AFTER:
    marks.append(run_and_kill(journal, n_trials))
    print(f"killed: {marks[-1]} of {N_TRIALS} trials are on record")
start = time.perf_counter()
resumed = search(journal)
print(f"the third run did the other {N_TRIALS - marks[-1]} in {time.perf_counter() - start:.1f} s")

# %%
# The same search without a crash. `params` and scores are compared to the last bit.
start = time.perf_counter()
whole = search(Path(tempfile.mkdtemp()) / "whole.journal")
print(f"a search that nothing interrupts takes {time.perf_counter() - start:.1f} s")
same_params = resumed.cv_results_["params"] == whole.cv_results_["params"]
scores = "mean_test_score"
same_scores = np.array_equal(resumed.cv_results_[scores], whole.cv_results_[scores])
print(f"the same settings in the same order: {same_params}; the same scores: {same_scores}")
print(f"trials on record: {len(on_record(journal))}, each in the state {{"
      f"{', '.join(sorted({trial.state.name for trial in on_record(journal)}))}}}")  # fmt: skip

# %%
# Other data under the same name are refused: their scores could not be compared with those on record.
X, y = load_wine(return_X_y=True)
try:
    OptunaSearchCV(**resumed.get_params(deep=False)).fit(X[:-1], y[:-1])
except ValueError as error:
    print(f"with one row less: {error}")

# %%
# Picture: both searches, one on top of the other, and where the first one was killed.
OUT.mkdir(parents=True, exist_ok=True)
figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
for search_, words, style in (
    (whole, "without a crash", {"marker": "o", "ms": 9, "mfc": "none", "color": BLUE}),
    (resumed, "killed twice, resumed", {"marker": ".", "ms": 7, "color": ORANGE}),
):
    results = search_.cv_results_
    axes.plot(results["trial_number"], results[scores], ls="", label=words, **style)
for mark in marks:
    axes.axvline(mark - 0.5, color="black", lw=1, ls=":")
    axes.annotate(
        "killed", (mark - 0.4, axes.get_ylim()[0]), rotation=90, va="bottom", size="small"
    )
axes.set(
    xlabel="trial", ylabel="accuracy, mean of five folds", title="wine: each trial where it belongs"
)
axes.legend(loc="lower right", frameon=False)
axes.spines[["top", "right"]].set_visible(False)
figure.savefig(OUT / "trials.png", dpi=130)
plt.close(figure)
print(f"Picture: {OUT / 'trials.png'}")

# %%
# What this shows. A trial that has ended is on record at once, as one line of a file; what a kill costs are the fits
# that were under way. The next run reads the file, asks again for the batch that was cut in two (the random numbers
# depend on the numbers of the trials, so the same settings come out), takes those of them that are on record, and
# goes on. The end is that of an uninterrupted search, which a search that merely starts again from "the old trials
# and a fresh seed" is not.
