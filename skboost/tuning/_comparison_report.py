"""A comparison of samplers as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from skboost.tuning._comparison_result import SamplerComparison

SHARE = 0.01  # of the rows of a table, that count as found


def report(
    comparison: SamplerComparison,
    budgets: Sequence[int],
    references: Iterable[str],
    workers: Sequence[int],
    by_table: bool,
) -> str:
    """All measures of a comparison, one block below the other.

    Parameters
    ----------
    comparison : SamplerComparison
    budgets : sequence of int
        Trials after which to tell the regret; duels are about the last one.
    references : iterable of str
        Samplers beside which the others are put.
    workers : sequence of int
    by_table : bool

    Returns
    -------
    text : str
    """
    blocks = [_head(comparison), _measures(comparison, budgets, workers)]
    blocks += [_duels(comparison, reference, budgets[-1]) for reference in references]
    if by_table:
        blocks.append(_by_table(comparison, budgets[-1]))
    return "\n\n".join(blocks)


def _head(comparison: SamplerComparison) -> str:
    default = comparison.default_regrets
    text = (
        f"{len(comparison.tables)} tables, {comparison.n_seeds} seeds, {comparison.n_trials} trials in batches of "
        f"{comparison.batch_size}, of which the first {comparison.n_startup} are the same for all. Regret: "
        "(best - found) / (best - median), mean over tables and seeds, with its 90 % band."
    )
    known = np.isfinite(default)
    if known.any():
        text += f" Without tuning it is {default[known].mean():.3f} ({known.sum()} tables)."
    return text


def _measures(comparison: SamplerComparison, budgets: Sequence[int], workers: Sequence[int]) -> str:
    bands = comparison.band()[..., budgets[-1] - 1]
    ranks, repeats = comparison.ranks(budgets[-1]), comparison.repeats()
    hits = comparison.first_hits(SHARE)
    areas = [comparison.regret_over_time(count).mean(axis=(1, 2)) for count in workers]
    cost = 1e3 * comparison.seconds.sum(axis=-1).mean(axis=(1, 2)) / comparison.n_trials
    rows = []
    for place, name in enumerate(comparison.samplers):
        regrets = [f"{comparison.mean_regret(count)[place]:.3f}" for count in budgets]
        low, high = bands[place]
        rows.append(
            [
                name,
                *regrets,
                f"{low:.3f} to {high:.3f}",
                f"{ranks[place]:.2f}",
                _trial(hits[place].ravel(), comparison.n_trials),
                f"{np.isnan(hits[place]).mean():.2f}",
                *(f"{area[place]:.3f}" for area in areas),
                f"{repeats[place]:.2f}",
                f"{cost[place]:.1f}",
            ]
        )
    heads = [
        "sampler",
        *(f"regret at {count}" for count in budgets),
        *(f"band at {budgets[-1]}", f"rank at {budgets[-1]}"),
        *("top 1 % after", "missed"),
        *(f"over time, {count} worker{'s' if count > 1 else ''}" for count in workers),
        *("repeats", "ms a trial"),
    ]
    return markdown(heads, rows)


def _duels(comparison: SamplerComparison, reference: str, budget: int) -> str:
    rows = [
        [
            duel.sampler,
            f"{duel.lower} / {duel.equal} / {duel.higher}",
            f"{duel.surely_lower} / {duel.surely_higher}",
            f"{duel.difference:+.3f}",
            f"{duel.low:+.3f} to {duel.high:+.3f}",
            f"{duel.p_value:.2g}",
        ]
        for duel in comparison.duels(reference, budget)
    ]
    heads = [
        f"beside {reference}, {budget} trials",
        *("tables lower / equal / higher", "surely lower / higher"),
        *("difference", "90 % band", "p (Holm)"),
    ]
    return markdown(heads, rows)


def _by_table(comparison: SamplerComparison, budget: int) -> str:
    means = comparison.regrets[..., budget - 1].mean(axis=-1)  # (n_samplers, n_tables)
    rows = []
    for place, name in enumerate(comparison.tables):
        column = means[:, place]
        cells = [f"{v:.3f}" if v > column.min() else f"**{v:.3f}**" for v in column]
        default = comparison.default_regrets[place]
        rows.append([name, "-" if math.isnan(default) else f"{default:.2f}", *cells])
    return markdown([f"regret at {budget}", "no tuning", *comparison.samplers], rows)


def _trial(hits: Any, n_trials: int) -> str:
    """The median trial of a hit, where searches without a hit come last."""
    middle = np.sort(np.where(np.isnan(hits), np.inf, hits))[len(hits) // 2]
    return f"{middle:.0f}" if np.isfinite(middle) else f"> {n_trials}"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; every column but the first is set to the right."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
