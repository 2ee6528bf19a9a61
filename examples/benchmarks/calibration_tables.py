"""Which calibrator, and whether folds keep their models: real tables, four models, log loss.

For each table and model five stratified folds of the training rows give out-of-fold probabilities. Every method then
learns in two ways: *ensemble*, where each fold keeps its model and its calibrator, and *together*, where one calibrator
learns from all out-of-fold probabilities and one model is fitted to all rows. Printed are, for two classes and for
more, the mean over tables and models of log(log loss / log loss of the plain model), as a percentage, mean ranks, and
how often a method is worse than no calibration::

    python calibration_tables.py --data FOLDER --sets chosen
    python calibration_tables.py --data FOLDER --sets fresh

The defaults of ``CalibratedClassifier`` were chosen on the first group of tables; the second had no part in it. The
folder is that of ``tables_of_real_data.py``.
"""

import argparse
import json
import time
import warnings
from collections import defaultdict
from pathlib import Path

from _machine import describe_run, pin_threads

METHODS = (
    *("sigmoid", "beta", "isotonic", "centered_isotonic"),
    *("temperature", "structured", "venn_abers"),
)
N_FOLDS = 5
TEST_SHARE = 0.4


def models(seed):
    """Four kinds of models, of which none is calibrated by design but the first."""
    from _peers import _preprocessing
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline

    return {
        "linear": make_pipeline(_preprocessing(), LogisticRegression(max_iter=500)),
        "naive Bayes": make_pipeline(_preprocessing(), GaussianNB()),
        "forest": make_pipeline(_preprocessing(), ExtraTreesClassifier(100, random_state=seed)),
        "boosting": HistGradientBoostingClassifier(
            categorical_features="from_dtype", max_iter=60, random_state=seed
        ),
    }


def log_loss(y, probability):
    """Mean of -log p of the true class, with p at least 1e-15."""
    import numpy as np

    return float(-np.log(np.maximum(probability[np.arange(len(y)), y], 1e-15)).mean())


def columns_for(model, X, n_classes):
    """Probabilities with a column for each class, known to the model or not."""
    import numpy as np

    probability = np.full((len(X), n_classes), 1e-6)
    probability[:, model.classes_] = model.predict_proba(X)
    return probability / probability.sum(axis=1, keepdims=True)


def one_split(table, name, model, seed):
    """Log losses of all methods on one split: a list of (method, way, loss)."""
    import numpy as np
    from sklearn.base import clone
    from sklearn.model_selection import StratifiedKFold, train_test_split

    from skboost.calibration import CALIBRATORS, Calibrator

    X, X_test, y, y_test = train_test_split(
        table.X, table.y, test_size=TEST_SHARE, stratify=table.y, random_state=seed
    )
    n = table.n_classes
    folds = []
    for train, rest in StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(X, y):
        fitted = clone(model).fit(X.iloc[train], y[train])
        folds.append(
            (columns_for(fitted, X.iloc[rest], n), y[rest], columns_for(fitted, X_test, n))
        )
    whole = columns_for(clone(model).fit(X, y), X_test, n)
    yield "none", "together", log_loss(y_test, whole)
    yield "none", "ensemble", log_loss(y_test, np.mean([fold[2] for fold in folds], axis=0))
    for method in METHODS:
        new = CALIBRATORS.resolve(method, Calibrator).set_params(classes=np.arange(n))
        fitted = [clone(new).fit(scores, labels) for scores, labels, _ in folds]
        pooled = new.pool(fitted, [fold[2] for fold in folds])
        yield method, "ensemble", log_loss(y_test, pooled)
        scores, labels = (np.concatenate([fold[place] for fold in folds]) for place in (0, 1))
        yield method, "together", log_loss(y_test, clone(new).fit(scores, labels).transform(whole))


def run(names, folder, n_splits, out):
    """Append one line of JSON for each table, model, split, method and way."""
    from _datasets import load_table

    for name in names:
        table, start = load_table(name, folder), time.perf_counter()
        with open(out, "a", encoding="utf-8") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few rows of a class; curves that fall
            for seed in range(n_splits):
                for kind, model in models(seed).items():
                    for method, way, loss in one_split(table, name, model, seed):
                        cell = {"table": name, "rows": len(table.X), "classes": table.n_classes}
                        cell |= {"model": kind, "seed": seed, "method": method, "way": way}
                        print(json.dumps(cell | {"loss": loss}), file=file)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


def report(cells):
    """Print one table for two classes and one for more."""
    import numpy as np

    for title, chosen in (
        ("Two classes", [cell for cell in cells if cell["classes"] == 2]),
        ("More classes", [cell for cell in cells if cell["classes"] > 2]),
    ):
        losses = defaultdict(lambda: defaultdict(list))
        for cell in chosen:
            losses[cell["table"], cell["model"]][cell["method"], cell["way"]].append(cell["loss"])
        means = [{key: np.mean(values) for key, values in case.items()} for case in losses.values()]
        if not means:
            continue
        keys = list(means[0])
        change = {k: [np.log(m[k] / m["none", "together"]) for m in means] for k in keys}
        ranks = np.array([[m[k] for k in keys] for m in means]).argsort(axis=1).argsort(axis=1) + 1
        print(f"\n## {title}: {len({t for t, _ in losses})} tables, {len(means)} cases\n")
        print("| method | way | change % | of it worst | mean rank | worse than none |")
        print("|---|---|--:|--:|--:|--:|")
        order = np.argsort([np.mean(change[k]) for k in keys])
        for place in order:
            key = keys[place]
            values = 100 * np.array(change[key])
            print(
                f"| {key[0]} | {key[1]} | {values.mean():.1f} | {values.max():+.0f} | "
                f"{ranks[:, place].mean():.2f} | {(values > 0).mean():.0%} |"
            )
    print(flush=True)


def main():
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder of tables")
    parser.add_argument("--sets", choices=("chosen", "fresh"), default="fresh")
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--out", default="out/calibration_tables", help="folder for results")
    parser.add_argument("--report-only", action="store_true")
    arguments = parser.parse_args()
    pin_threads(1)

    from _datasets import MORE_CLASSES, SETS, data_folder

    folder = data_folder(arguments.data)
    if folder is None:
        raise SystemExit("No folder with a catalog.json was found; name it with --data.")
    catalogue = json.loads((folder / "catalog.json").read_text(encoding="utf-8"))["datasets"]
    numeric = {entry["name"] for entry in catalogue if entry["task"] == "regression"}
    names = [n for n in (SETS if arguments.sets == "chosen" else MORE_CLASSES) if n not in numeric]
    out = Path(arguments.out, f"{arguments.sets}.jsonl")
    print("\n".join(describe_run(1)))
    if not arguments.report_only:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("", encoding="utf-8")
        run(names, folder, arguments.splits, out)
    report([json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()])


if __name__ == "__main__":
    main()
