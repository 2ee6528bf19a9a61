"""What a boosted head makes of the hidden layers of a perceptron, on handwritten digits.

Perceptrons of several widths are trained on 70 % of the rows, with scikit-learn's defaults or stopped after
20 epochs. Their output layer is then replaced, on the same rows, by a linear one (the first stage of
the head) and by a boosted one. Beside them stands a boosted network on the raw pixels. Prints the mean of
several seeded splits, and the largest change of an output when extractor and head become one network::

    python boosted_head.py
    python boosted_head.py --splits 10

No download: the data come with scikit-learn.
"""

import argparse
import time
import warnings

from _machine import describe_run, pin_threads

SHAPES = ((8,), (16,), (100,), (64, 32))
EPOCHS = (20, 200)


def scores(y, probabilities):
    """Accuracy and log loss."""
    from sklearn.metrics import log_loss

    return [(probabilities.argmax(axis=1) == y).mean(), log_loss(y, probabilities)]


def one_split(seed, threads):
    """Yield (shape, epochs, output layer, accuracy, log loss, seconds, change) of one split."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.frozen import FrozenEstimator
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    from skboost.networks import BoostedHeadClassifier, BoostedNetworkClassifier

    X, y = load_digits(return_X_y=True)
    split = train_test_split(X / 16, y, test_size=0.3, stratify=y, random_state=seed)
    X_train, X_test, y_train, y_test = split

    start = time.process_time()
    alone = BoostedNetworkClassifier(n_threads=threads, random_state=seed).fit(X_train, y_train)
    seconds = time.process_time() - start
    yield ("none", "", "boosted", *scores(y_test, alone.predict_proba(X_test)), seconds, np.nan)

    for shape in SHAPES:
        for epochs in EPOCHS:
            start = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # not converged after 20 epochs, as is meant
                perceptron = MLPClassifier(shape, max_iter=epochs, random_state=seed)
                perceptron.fit(X_train, y_train)
            seconds = time.process_time() - start
            own = scores(y_test, perceptron.predict_proba(X_test))
            yield (shape, epochs, "its own", *own, seconds, np.nan)
            start = time.process_time()
            head = BoostedNetworkClassifier(
                numeric_scaling="standard", n_threads=threads, random_state=seed
            )
            model = BoostedHeadClassifier(FrozenEstimator(perceptron), head).fit(X_train, y_train)
            seconds = time.process_time() - start
            linear = scores(y_test, model.predict_proba(X_test, n_stages=1))
            yield (shape, epochs, "linear", *linear, np.nan, np.nan)
            raw, layers = model.decision_function(X_test), model.to_layers()
            change = np.abs(layers.raw(X_test) - raw).max()
            boosted = scores(y_test, model.predict_proba(X_test))
            yield (shape, epochs, "boosted", *boosted, seconds, change)


def main():
    """Run the splits and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="threads of each fit")
    arguments = parser.parse_args()
    pin_threads(arguments.threads)

    import numpy as np

    print("\n".join(describe_run(arguments.threads)))
    runs = [list(one_split(seed, arguments.threads)) for seed in range(arguments.splits)]
    print(f"\nDigits, mean of {arguments.splits} splits 70/30\n")
    print(
        "| hidden layers | epochs | output layer | accuracy | log loss | CPU s | change by merging |"
    )
    print("|---|---|---|--:|--:|--:|--:|")
    for rows in zip(*runs, strict=True):
        shape, epochs, output = rows[0][:3]
        accuracy, loss, seconds, change = np.mean([row[3:] for row in rows], axis=0)
        cells = [str(shape).strip("(),"), str(epochs), output, f"{accuracy:.4f}", f"{loss:.4f}"]
        cells.append("" if np.isnan(seconds) else f"{seconds:.2f}")
        cells.append("" if np.isnan(change) else f"{change:.0e}")
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
