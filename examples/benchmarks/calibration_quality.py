"""How good are the probabilities that come out of calibration, ours beside those of other packages?

Two tables. Two classes: breast_cancer, of which 40 % train, 30 % calibrate and 30 % test, for five models. Ten classes:
digits in the same shares, for three models. Every method sees the same fitted models and the same rows. Cells hold the
log loss, which prices a certain mistake at 34.5, and the expected calibration error with 15 bins of equal width; the
last column is the worst log loss over the models, relative to the best method of each model::

    python calibration_quality.py
    python calibration_quality.py --splits 3 --only binary

No download: the data come with scikit-learn. Packages that are not installed are left out, with a line that says so.
"""

import argparse
import time
from collections import defaultdict

from _machine import describe_run, pin_threads

SHARES = (0.4, 0.3)  # to train and to calibrate; the rest tests


def binary_models(seed):
    """Five models whose probabilities err in different ways."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    models = {
        "LR": make_pipeline(StandardScaler(), LogisticRegression()),
        "SVM": make_pipeline(StandardScaler(), SVC()),
        "RF": RandomForestClassifier(100, random_state=seed),
        "NB": GaussianNB(),
    }
    try:
        from xgboost import XGBClassifier
    except ImportError:
        return models
    return models | {"XGB": XGBClassifier(n_estimators=100, random_state=seed, n_jobs=1)}


def digits_models(seed):
    """Three models of ten classes."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB

    return {
        "NB": GaussianNB(var_smoothing=1e-3),
        "RF": RandomForestClassifier(100, random_state=seed),
        "LR": LogisticRegression(max_iter=2000),
    }


def judge(y, probability):
    """Log loss with probabilities at least 1e-15, calibration error, Brier score, accuracy."""
    import numpy as np

    from skboost.metrics import expected_calibration_error

    clipped = np.clip(probability, 1e-15, 1 - 1e-15)
    loss = -np.log(clipped[np.arange(len(y)), y]).mean()
    if probability.shape[1] == 2:
        error = expected_calibration_error(y, probability[:, 1], kind="binary")
    else:
        error = expected_calibration_error(y, probability, kind="top_label")
    brier = ((probability - np.eye(probability.shape[1])[y]) ** 2).sum(axis=1).mean()
    return loss, error, brier, (probability.argmax(axis=1) == y).mean()


def run(load, make_models, methods, n_splits):
    """Scores by model and method, one row a split, and the seconds of each method."""
    from sklearn.model_selection import train_test_split

    X, y = load(return_X_y=True)
    scores, seconds = defaultdict(list), defaultdict(float)
    for seed in range(n_splits):
        X_train, X_rest, y_train, y_rest = train_test_split(
            X, y, train_size=SHARES[0], stratify=y, random_state=seed
        )
        X_cal, X_test, y_cal, y_test = train_test_split(
            X_rest,
            y_rest,
            train_size=SHARES[1] / (1 - SHARES[0]),
            stratify=y_rest,
            random_state=seed,
        )
        for name, model in make_models(seed).items():
            model.fit(X_train, y_train)
            for method, calibrate in methods.items():
                start = time.process_time()
                probability = calibrate(model, X_cal, y_cal, X_test)
                seconds[method] += time.process_time() - start
                scores[name, method].append(judge(y_test, probability))
    return scores, seconds


def report(title, scores, seconds, n_splits):
    """Print a table: models in columns, methods in rows."""
    import numpy as np

    models = list(dict.fromkeys(model for model, _ in scores))
    methods = list(dict.fromkeys(method for _, method in scores))
    mean = {key: np.mean(rows, axis=0) for key, rows in scores.items()}
    best = {model: min(mean[model, method][0] for method in methods) for model in models}
    error = np.mean([np.std(rows, axis=0, ddof=1)[0] / n_splits**0.5 for rows in scores.values()])
    print(f"\n## {title}: log loss, calibration error; {n_splits} splits\n")
    print(
        "| method | "
        + " | ".join(models)
        + " | worst log loss / best | mean log loss | ms a call |"
    )
    print("|---|" + "--:|" * (len(models) + 3))
    for method in methods:
        cells = ["{:.3f} {:.3f}".format(*mean[model, method][:2]) for model in models]
        worst = max(mean[model, method][0] / best[model] for model in models)
        average = np.mean([mean[model, method][0] for model in models])
        speed = 1e3 * seconds[method] / (n_splits * len(models))
        print(
            f"| {method} | " + " | ".join(cells) + f" | {worst:.2f} | {average:.3f} | {speed:.1f} |"
        )
    print(f"\nmean standard error of a log loss: {error:.3f}\n", flush=True)


def main():
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--splits", type=int, default=20, help="splits of breast_cancer")
    parser.add_argument("--digits-splits", type=int, default=6)
    parser.add_argument("--only", choices=("binary", "many"))
    arguments = parser.parse_args()
    pin_threads(1)

    from _calibration_peers import BINARY, MANY, installed
    from sklearn.datasets import load_breast_cancer, load_digits

    print("\n".join(describe_run(1)))
    if arguments.only != "many":
        methods, missing = installed(BINARY)
        print("".join(f"- not installed: {package}\n" for package in missing), end="")
        result = run(load_breast_cancer, binary_models, methods, arguments.splits)
        report("Two classes, breast_cancer", *result, arguments.splits)
    if arguments.only != "binary":
        methods, missing = installed(MANY)
        print("".join(f"- not installed: {package}\n" for package in missing), end="")
        result = run(load_digits, digits_models, methods, arguments.digits_splits)
        report("Ten classes, digits", *result, arguments.digits_splits)


if __name__ == "__main__":
    main()
