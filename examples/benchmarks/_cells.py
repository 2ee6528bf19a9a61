"""One cell of the comparison, (set, split, model, budget) -> scores, and the file of cells."""

import json
import os
import time
import traceback
import warnings
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from _datasets import load_table
from _peers import PEERS
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

# raise it when sets, splits, spaces or scores change: older cells are then computed anew
PROTOCOL = 1
TEST_SIZE = 0.3
N_FOLDS = 3
SMALLEST_PROBABILITY = 1e-7  # the spacing of float32 below 1: XGBoost's probabilities have no more


@dataclass(frozen=True)
class Cell:
    """``budget`` is the number of configurations tried; 0 stands for the defaults, untuned.

    ``variant`` holds parameters of a variant of skboost, as JSON text, and is empty otherwise.
    """

    set: str
    split: int
    model: str
    budget: int
    variant: str = ""


def compute(cell, folder, threads, stamp):
    """Return the record of one cell, or a record with the key ``error``.

    ``stamp`` names the state of skboost's source when the run began: sources may change meanwhile.
    """
    record = {**asdict(cell), "protocol": PROTOCOL}
    if PEERS[cell.model.split(":")[0]].family == "ours":
        record["source"] = stamp
    try:
        with warnings.catch_warnings():
            # iterations that run out and categories unseen in training are part of how a peer works
            warnings.simplefilter("ignore")
            table = load_table(cell.set, folder)
            return {**record, **table.facts, **_measure(cell, table, threads)}
    except Exception:  # one failing model must not end a run of hours: it is printed and counted
        return {**record, "error": traceback.format_exc()}


def _measure(cell, table, threads):
    peer, fixed = _peer_of(cell)
    seed = cell.split
    classes = table.y if table.task == "classification" else None
    X, X_test, y, y_test = train_test_split(
        table.X, table.y, test_size=TEST_SIZE, random_state=seed, stratify=classes
    )
    best, searched = {}, time.process_time()
    if cell.budget:
        draws = zlib.crc32(f"{cell.set}/{cell.split}/{peer.name}".encode())
        candidates = peer.configurations(cell.budget, draws)
        scores = [
            _cross_validate(peer, {**fixed, **candidate}, table, X, y, seed, threads)
            for candidate in candidates
        ]
        best = candidates[int(np.argmin(scores))]
    searched = time.process_time() - searched
    model = peer.build(table.task, {**fixed, **best}, seed, threads)
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(X, y)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        **_scores(model, table, X_test, y_test),
        "fit_seconds": round(wall, 4),
        "cpu_seconds": round(cpu, 4),
        "search_seconds": round(searched, 3),
        "chosen": {name: _plain(value) for name, value in best.items()},
    }


def _peer_of(cell):
    """The model of a cell and its fixed parameters; ``skboost:NAME`` is a variant of skboost."""
    name = cell.model.split(":")[0]
    return PEERS[name], json.loads(cell.variant or "{}")


def _cross_validate(peer, params, table, X, y, seed, threads):
    """Mean loss over the folds; infinite where a configuration breaks down."""
    folds = StratifiedKFold if table.task == "classification" else KFold
    losses = []
    for train, valid in folds(N_FOLDS, shuffle=True, random_state=seed).split(X, y):
        model = peer.build(table.task, params, seed, threads)
        try:
            model.fit(X.iloc[train], y[train])
            losses.append(_scores(model, table, X.iloc[valid], y[valid])["loss"])
        except (ValueError, FloatingPointError):  # diverged: not finite weights or predictions
            return np.inf
    return float(np.mean(losses))


def _scores(model, table, X, y):
    """``loss``: log loss or RMSE, lower is better; ``score``: accuracy or R2, higher is better."""
    if table.task == "regression":
        prediction = np.asarray(model.predict(X), dtype=np.float64)
        return {
            "loss": float(root_mean_squared_error(y, prediction)),
            "score": float(r2_score(y, prediction)),
        }
    probability = np.asarray(model.predict_proba(X), dtype=np.float64)
    probability = np.clip(probability, SMALLEST_PROBABILITY, 1.0)
    probability /= probability.sum(axis=1, keepdims=True)
    return {
        "loss": float(log_loss(y, probability, labels=np.arange(table.n_classes))),
        "score": float(accuracy_score(y, probability.argmax(axis=1))),
    }


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


class CellFile:
    """JSON lines, one record a line, appended and flushed to the disk cell by cell.

    Where a cell occurs twice the last line wins. A line that was cut off by a crash is dropped.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.records = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:
                    continue
                if record.get("protocol") == PROTOCOL:
                    self.records[_cell_of(record)] = record

    def add(self, record):
        """Keep one record."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # after a crash the file may end inside a line
        broken = self.path.exists() and self.path.read_bytes()[-1:] not in (b"", b"\n")
        with open(self.path, "a", encoding="utf-8") as lines:
            lines.write(("\n" if broken else "") + json.dumps(record) + "\n")
            lines.flush()
            os.fsync(lines.fileno())
        self.records[_cell_of(record)] = record


def _cell_of(record):
    return Cell(*(record[name] for name in Cell.__dataclass_fields__))
