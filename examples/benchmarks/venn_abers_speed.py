"""How long does a Venn-ABERS calibrator take to learn and to answer, and are its answers the same?

Beside ours: venn-abers, the copy of it inside MAPIE, and isotonic regression of scikit-learn as a floor, which fits
one curve where Venn-ABERS needs one for each score and label. All get the same scores and labels, one thread, and
take turns in one process; printed are the least CPU seconds of several repetitions, which other programs cannot
lengthen much. What takes longer than two seconds is run once::

    python examples/benchmarks/venn_abers_speed.py             # about a minute
    python examples/benchmarks/venn_abers_speed.py --quick     # up to 10,000 rows

Scores come in three kinds. "smooth": sigmoid(2 x), labels with probability sigmoid(x), x normal. "skewed":
beta(.05, 2), labels with probability min(1.3 score, 1), so that most scores are next to 0. "tied": smooth, rounded
to 3 decimals.
"""

# %%
import argparse
import importlib
import pickle
import tracemalloc
from functools import partial
from importlib.metadata import version

from _machine import describe_run, pin_threads, source_stamp
from _timing import print_table, timed

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true")
parser.add_argument("--repeats", type=int, default=7)
options = parser.parse_args()
pin_threads(1)

import numpy as np  # noqa: E402
from scipy.special import expit  # noqa: E402
from sklearn.isotonic import IsotonicRegression  # noqa: E402

from skboost.calibration import VennAbersScaler  # noqa: E402

SIZES = (1_000, 10_000) if options.quick else (1_000, 10_000, 100_000)
OURS_ALONE = () if options.quick else (1_000_000,)
QUESTIONS = 100_000
LONG = 2.0  # seconds, after which nothing is repeated
PEERS = {"venn-abers": ("venn_abers", "venn-abers"), "MAPIE": ("mapie._venn_abers", "MAPIE")}


# %%
# The candidates: each fits, and gives p0 and p1 of new scores.
class Ours:
    """One call for both ends."""

    def __init__(self):
        self.model = VennAbersScaler()

    def fit(self, scores, y):
        self.model.fit(scores, y)
        return self

    def pairs(self, scores):
        return self.model.transform_interval(scores)


class Peer:
    """venn-abers and its copy take two columns."""

    def __init__(self, module):
        self.model = module.VennAbers()

    def fit(self, scores, y):
        self.model.fit(np.column_stack([1 - scores, scores]), y)
        return self

    def pairs(self, scores):
        return self.model.predict_proba(np.column_stack([1 - scores, scores]))[1]


class Floor:
    """A single curve; it has no pairs."""

    def __init__(self):
        self.model = IsotonicRegression(out_of_bounds="clip")

    def fit(self, scores, y):
        self.model.fit(scores, y)
        return self

    def pairs(self, scores):
        return self.model.predict(scores)


def candidates():
    """Name -> constructor; a peer that is not installed is left out with a line that says so."""
    found, versions = {"ours": Ours}, []
    for name, (module, package) in PEERS.items():
        try:
            found[name] = partial(Peer, importlib.import_module(module))
            versions.append(f"{package} {version(package)}")
        except ImportError as error:
            print(f"- {name} is left out: {error}")
    print(f"- peers: {', '.join(versions) or 'none'}")
    return found | {"isotonic regression": Floor}


def draw(kind, n, seed):
    """Scores and labels."""
    rng = np.random.default_rng(seed)
    if kind == "skewed":
        scores = rng.beta(0.05, 2, size=n)
        return scores, (rng.random(n) < np.minimum(1.3 * scores, 1)).astype(np.int64)
    x = rng.normal(size=n)
    scores = expit(2 * x)
    y = (rng.random(n) < expit(x)).astype(np.int64)
    return (scores.round(3) if kind == "tied" else scores), y


# %%
# Measuring.
def least(actions):
    """Least CPU seconds of each action, in turns, and what it returned."""
    best = {}
    for _ in range(options.repeats):
        for name, action in actions.items():
            if name in best and best[name][0] > LONG:
                continue
            timing = timed(action)
            if name not in best or timing.cpu < best[name][0]:
                best[name] = (timing.cpu, timing.result)
    return best


def peak(action):
    """Megabytes that an action has at most, beyond what was there."""
    tracemalloc.start()
    action()
    found = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return found


def beside(seconds, ours):
    """Milliseconds, and how many times ours."""
    if seconds is ours:
        return short(1e3 * seconds)
    return f"{short(1e3 * seconds)} ({short(seconds / ours)}x)"


def short(number):
    """Two or three digits, and no exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"


def compare(found, kind, n):
    """Rows of the tables of fits, of answers and of memory for one data set."""
    scores, y = draw(kind, n, 0)
    fits = least({name: partial(make().fit, scores, y) for name, make in found.items()})
    # half of them equal to scores that were fitted, where ties have to be right
    half = QUESTIONS // 2
    new = np.concatenate([draw(kind, half, 1)[0], np.resize(scores, half)])
    answers = least({name: partial(model.pairs, new) for name, (_, model) in fits.items()})
    label = f"{kind} {n:,}"
    ours = answers["ours"][1]
    apart = {
        name: f"{np.abs(pairs - ours).max():.1e}"
        for name, (_, pairs) in answers.items()
        if name in PEERS
    }
    memory = [
        cell
        for name, make in found.items()
        for cell in (
            # tracing makes the slow ones slower still, and does not change what they need
            short(peak(partial(make().fit, scores, y))) if fits[name][0] < LONG else "-",
            f"{len(pickle.dumps(fits[name][1].model)) / 1e6:.2g}",
        )
    ]
    return (
        (label, *(beside(fits[name][0], fits["ours"][0]) for name in found)),
        (label, *(beside(answers[name][0], answers["ours"][0]) for name in found)),
        (label, *(apart.get(name, "-") for name in PEERS)),
        (label, *memory),
    )


def main():
    """Measure and print everything."""
    print("## Venn-ABERS\n")
    print("\n".join(describe_run(1)))
    print(f"- skboost's source: {source_stamp()}")
    found = candidates()
    rows = [compare(found, kind, n) for kind in ("smooth", "skewed", "tied") for n in SIZES]
    fits, answers, apart, memory = map(list, zip(*rows, strict=True))
    few = {name: found[name] for name in ("ours", "isotonic regression")}
    for kind in ("smooth", "skewed", "tied"):
        for n in OURS_ALONE:
            fit, answer, _, room = compare(few, kind, n)
            gap = ["-"] * (len(found) - 2)
            fits.append((*fit[:2], *gap, *fit[2:]))
            answers.append((*answer[:2], *gap, *answer[2:]))
            memory.append((*room[:3], *gap, *gap, *room[3:]))
    names = list(found)
    print_table("Fit, ms", ["rows", *names], fits)
    print_table(f"p0 and p1 of {QUESTIONS:,} new rows, ms", ["rows", *names], answers)
    header = [f"{name}, {what}" for name in names for what in ("peak of a fit", "pickle")]
    print_table("Memory, MB", ["rows", *header], memory)
    worst = [float(cell) for row in apart for cell in row[1:] if cell != "-"]
    if worst:
        print_table("Largest difference from our p0 and p1", ["rows", *PEERS], apart)
        print(f"Answers agree to {max(worst):.1e}; 1e-12 is asked for.")
        if max(worst) > 1e-12:
            raise SystemExit("p0 and p1 are not those of the peers.")


if __name__ == "__main__":
    main()
