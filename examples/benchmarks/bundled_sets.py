"""Boosted networks on scikit-learn's own data, beside the published setting run as a plain loop.

Five random 70/30 splits (``random_state`` 0..4, stratified for classes) of breast_cancer, wine,
digits and diabetes; inputs standardised; every model at its defaults, the perceptrons with 200
units. Prints accuracy and log loss (or RMSE), CPU seconds of a fit, and these seconds as a multiple
of those of skboost (of the published setting where skboost is not among the models)::

    python bundled_sets.py
    python bundled_sets.py --models skboost,published --sets digits

No download: the data come with scikit-learn.
"""

import argparse
import sys
import time
import warnings

from _machine import describe_run, pin_threads, source_stamp

SETS = ("breast_cancer", "wine", "digits", "diabetes")


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", default=",".join(SETS), help="comma-separated, default all")
    parser.add_argument("--models", help="comma-separated, default all that can run here")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="threads of each fit")
    return parser.parse_args()


def models_of(threads):
    """Name -> function of (task, seed) that returns an unfitted model."""
    from _gbnn_loop import PlainBoostedNetwork
    from _peers import PEERS, available_models
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    def classifying(task):
        return task == "classification"

    def linear(task, seed):
        return LogisticRegression(max_iter=1000) if classifying(task) else Ridge()

    def perceptron(solver):
        def build(task, seed):
            kind = MLPClassifier if classifying(task) else MLPRegressor
            return kind(hidden_layer_sizes=(200,), solver=solver, random_state=seed)

        return build

    def of_peer(name):
        return lambda task, seed: PEERS[name].build(task, {}, seed, threads)

    named = {
        "published": lambda task, seed: PlainBoostedNetwork(task, seed=seed),
        "mlp adam": perceptron("adam"),
        "mlp lbfgs": perceptron("lbfgs"),
        "linear": linear,
    }
    trees = {name: of_peer(name) for name in ("hist_gb", "xgboost", "lightgbm")}
    present = available_models()
    return {
        name: build
        for name, build in {"skboost": of_peer("skboost"), **named, **trees}.items()
        if name in named or name in present
    }


def measure(build, X, y, task, n_splits):
    """Return arrays (n_splits,) of the loss, the accuracy (NaN for regression) and CPU seconds."""
    import numpy as np
    from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    rows = []
    for split in range(n_splits):
        classes = y if task == "classification" else None
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=0.3, random_state=split, stratify=classes
        )
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
        model = build(task, split)
        seconds = time.process_time()
        model.fit(X_train, y_train)
        seconds = time.process_time() - seconds
        if task == "classification":
            proba = np.clip(model.predict_proba(X_test), 1e-7, 1.0)
            proba /= proba.sum(axis=1, keepdims=True)
            accuracy = accuracy_score(y_test, proba.argmax(axis=1))
            rows.append((log_loss(y_test, proba, labels=np.unique(y)), accuracy, seconds))
        else:
            rows.append((root_mean_squared_error(y_test, model.predict(X_test)), np.nan, seconds))
    return np.array(rows).T


def print_set(name, models, n_splits):
    """Run all models on one set and print its table."""
    import numpy as np
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    task = "regression" if name == "diabetes" else "classification"
    results = {}
    for model, build in models.items():
        with warnings.catch_warnings():
            # iterations that run out are part of the published setting and of the perceptron
            warnings.simplefilter("ignore")
            results[model] = measure(build, X, y, task, n_splits)
        print(f"{name}: {model} done", file=sys.stderr, flush=True)
    reference = "skboost" if "skboost" in results else next(iter(results))
    base = results[reference][2].mean()
    print(f"\n## {name} ({X.shape[0]} x {X.shape[1]})\n")
    quality = "RMSE" if task == "regression" else "accuracy (sd) | log loss"
    print(f"| model | {quality} | cpu s a fit | seconds / {reference} |")
    print("|---|--:|--:|--:|" if task == "regression" else "|---|--:|--:|--:|--:|")
    for model, (loss, accuracy, seconds) in results.items():
        if task == "regression":
            cells = [f"{loss.mean():.2f} ({np.std(loss):.2f})"]
        else:
            cells = [f"{accuracy.mean():.4f} ({np.std(accuracy):.4f})", f"{loss.mean():.4f}"]
        cells += [f"{seconds.mean():.3f}", f"{seconds.mean() / base:.3g}"]
        print(f"| {model} | " + " | ".join(cells) + " |", flush=True)


def main():
    """Run and print."""
    arguments = parse_arguments()
    pin_threads(arguments.threads)
    models = models_of(arguments.threads)
    chosen = arguments.models.split(",") if arguments.models else list(models)
    sets = arguments.sets.split(",")
    for option, asked, known in (("models", chosen, models), ("sets", sets, SETS)):
        unknown = [name for name in asked if name not in known]
        if unknown:
            sys.exit(f"--{option} names {unknown}, which is not there; choose from {list(known)}.")
    print("# Bundled sets\n")
    print("\n".join(describe_run(arguments.threads)))
    print(f"- state of skboost's source: {source_stamp()}")
    print(
        "- published: one logistic neuron a step, 200 steps, eta 0.1, half of the rows a step, "
        "L-BFGS with max_iter 200 and tol 0; mlp: 200 hidden units; targets of regression are left "
        "as they are"
    )
    for name in sets:
        print_set(name, {model: models[model] for model in chosen}, arguments.splits)


if __name__ == "__main__":
    main()
