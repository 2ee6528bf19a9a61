"""From cells to Markdown: a table of the sets, ranks over the sets, and ranks by kind of data."""

import numpy as np
import pandas as pd
from _peers import PEERS

TREES = [peer.name for peer in PEERS.values() if peer.family == "trees"]


def report(records, models):
    """Return Markdown lines for the records of one budget.

    A set counts when every model has it, and of a set only the splits that every model has, so that
    all models are averaged over the same cells; what is left out is said.
    """
    frame = pd.DataFrame(records)
    models = [model for model in models if model in set(frame["model"])]
    missing = sorted(set(frame["set"]))
    frame = frame[frame["model"].isin(models)]
    counts = frame.groupby(["set", "split"])["model"].transform("nunique")
    frame = frame[counts == len(models)]
    missing = [name for name in missing if name not in set(frame["set"])]
    lines = []
    if missing:
        lines += [f"Left out, because not every model has a cell: {', '.join(missing)}.", ""]
    if frame.empty:
        return [*lines, "No set is complete for these models."]
    facts = frame.groupby("set")[
        ["task", "classes", "rows", "columns", "categorical", "missing"]
    ].first()
    loss = _mean(frame, "loss", models)
    score = _mean(frame, "score", models)
    kinds = _kinds(loss, facts, models)
    if "source" in frame:
        stamps = frame["source"].value_counts()
        states = ", ".join(f"{stamp} ({count} cells)" for stamp, count in stamps.items())
        lines += [f"State of skboost's source: {states}.", ""]
    lines += ["### Over all sets", "", *_overview(frame, loss, score, models), ""]
    lines += ["### Mean rank by kind of data (log loss or RMSE)", ""]
    lines += [*_by_kind(loss, kinds, models), ""]
    for task, title in (("classification", "log loss / accuracy"), ("regression", "RMSE / R2")):
        names = facts.index[facts["task"] == task]
        if len(names):
            lines += [f"### {task.capitalize()}: mean {title}", ""]
            lines += [*_sets(frame, facts.loc[names], loss, score, models), ""]
    return lines


def _mean(frame, column, models):
    return frame.pivot_table(index="set", columns="model", values=column, aggfunc="mean")[models]


def _overview(frame, loss, score, models):
    seconds = _mean(frame, "cpu_seconds", models)
    search = _mean(frame, "search_seconds", models)
    ranks = loss.rank(axis=1).mean()
    score_ranks = score.rank(axis=1, ascending=False).mean()
    spread = loss.max(axis=1) - loss.min(axis=1)
    normalised = loss.rsub(loss.max(axis=1), axis=0).div(spread.where(spread > 0), axis=0)
    normalised = normalised.fillna(1.0).clip(0.0, 1.0)
    wins = loss.eq(loss.min(axis=1), axis=0).sum()
    last = loss.eq(loss.max(axis=1), axis=0).sum()
    safe = _never_worse(frame, loss, models)
    rows = [
        [
            model,
            f"{ranks[model]:.2f}",
            f"{score_ranks[model]:.2f}",
            f"{normalised[model].mean():.3f}",
            wins[model],
            last[model],
            safe.get(model, "-"),
            f"{seconds[model].mean():.3f}",
            f"{seconds[model].max():.2f}",
            f"{search[model].mean():.2f}",
        ]
        for model in ranks.sort_values().index
    ]
    heads = [
        *("model", "rank by loss", "rank by score", "normalised", "wins", "last", "safe"),
        *("cpu s a fit", "slowest set", "cpu s a search"),
    ]
    return [
        *_table(heads, rows),
        "",
        f"{len(loss)} sets. Loss: log loss or RMSE; score: accuracy or R2; ranks: means over the "
        "sets; normalised: (worst - model) / (worst - best) of the loss, its mean, 1 is best; wins "
        "and last: sets with the lowest and the highest mean loss; safe: sets where the mean loss "
        "is at most one standard error (of the paired differences over the splits) above that of "
        "the better of the linear model and the perceptron.",
    ]


def _never_worse(frame, loss, models):
    """Sets where a model is at most one standard error worse than the better of linear and mlp."""
    rivals = [name for name in ("linear", "mlp") if name in models]
    if not rivals:
        return {}
    counts = dict.fromkeys(models, 0)
    for name, cells in frame.groupby("set"):
        losses = cells.pivot(index="split", columns="model", values="loss")
        rival = loss.loc[name, rivals].idxmin()
        for model in models:
            difference = (losses[model] - losses[rival]).to_numpy()
            n = len(difference)
            error = difference.std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
            counts[model] += bool(difference.mean() <= error)
    return {model: f"{count}/{len(loss)}" for model, count in counts.items()}


def _kinds(loss, facts, models):
    """Kind -> names of its sets; who wins is judged by the peers, so that skboost moves no set."""
    kinds = {
        "two classes": facts.index[facts["classes"] == 2],
        "more classes": facts.index[facts["classes"] > 2],
        "regression": facts.index[facts["task"] == "regression"],
    }
    families = {
        "linear wins": ["linear"],
        "network wins": ["mlp"],
        "trees win": [name for name in TREES if name in models],
    }
    if all(set(names) <= set(models) and names for names in families.values()):
        best = pd.DataFrame({kind: loss[names].min(axis=1) for kind, names in families.items()})
        kinds |= {kind: best.index[best.idxmin(axis=1) == kind] for kind in families}
    kinds |= {
        "rows < 700": facts.index[facts["rows"] < 700],
        "700 <= rows < 2000": facts.index[facts["rows"].between(700, 1999)],
        "rows >= 2000": facts.index[facts["rows"] >= 2000],
        "columns < 10": facts.index[facts["columns"] < 10],
        "10 <= columns < 30": facts.index[facts["columns"].between(10, 29)],
        "columns >= 30": facts.index[facts["columns"] >= 30],
        "with categories": facts.index[facts["categorical"] > 0],
        "with missing values": facts.index[facts["missing"]],
    }
    return {kind: names for kind, names in kinds.items() if len(names)}


def _by_kind(loss, kinds, models):
    ranks = loss.rank(axis=1)
    rows = []
    for kind, names in kinds.items():
        means = ranks.loc[names].mean()
        rows.append([kind, len(names), *_bold(means[models], means.min(), "{:.2f}")])
    return _table(["kind", "sets", *models], rows)


def _sets(frame, facts, loss, score, models):
    splits = frame.groupby("set")["split"].nunique()
    rows = []
    for name, fact in facts.iterrows():
        shape = f"{fact['rows']} x {fact['columns']}"
        if fact["classes"] > 2:
            shape += f", {fact['classes']} classes"
        best = loss.loc[name].min()
        pairs = [
            f"{text} / {score.loc[name, model]:.3f}"
            for model, text in zip(
                models, _bold(loss.loc[name, models], best, "{:.4g}"), strict=True
            )
        ]
        rows.append([name, shape, splits[name], *pairs])
    return _table(["set", "shape", "splits", *models], rows)


def _bold(values, best, form):
    return [f"**{form.format(v)}**" if v <= best else form.format(v) for v in values]


def _table(heads, rows):
    """Markdown table; every column but the first is set to the right."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1)]
    return lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]
