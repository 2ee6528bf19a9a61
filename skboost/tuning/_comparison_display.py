"""Pictures of a comparison of samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skboost._axes import INK, axes_for, legend_above, plain

if TYPE_CHECKING:
    from skboost.tuning._comparison_result import SamplerComparison

SIZE = (6.6, 4.2)  # inches


def draw_regret(comparison: SamplerComparison, ax: Any, line_kwargs: dict[str, Any]) -> Any:
    """Mean regret after each trial, a line and a band for each sampler.

    Parameters
    ----------
    comparison : SamplerComparison
    ax : matplotlib Axes or None
    line_kwargs : dict

    Returns
    -------
    ax : matplotlib Axes
    """
    ax = axes_for(ax, purpose="SamplerComparison.plot_regret", figsize=SIZE)
    trials = np.arange(1, comparison.n_trials + 1)
    means = comparison.regrets.mean(axis=(1, 2))
    for name, mean, (low, high) in zip(comparison.samplers, means, comparison.band(), strict=True):
        (line,) = ax.plot(trials, mean, label=name, **({"linewidth": 1.6} | line_kwargs))
        ax.fill_between(trials, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
    default = comparison.default_regrets
    if np.isfinite(default).all():
        ax.axhline(default.mean(), color=INK, linestyle=":", linewidth=1.2, label="no tuning")
    if means.min() > 0:
        ax.set_yscale("log")
    ax.set_xlabel("trials")
    ax.set_ylabel("normalised regret")
    plain(ax)
    legend_above(ax)
    return ax


def draw_profile(
    comparison: SamplerComparison, ax: Any, share: float, line_kwargs: dict[str, Any]
) -> Any:
    """Share of tables solved within a factor of the trials of the best sampler.

    Parameters
    ----------
    comparison : SamplerComparison
    ax : matplotlib Axes or None
    share : float
    line_kwargs : dict

    Returns
    -------
    ax : matplotlib Axes
    """
    ax = axes_for(ax, purpose="SamplerComparison.plot_profile", figsize=SIZE)
    factors, shares = comparison.profile(share)
    for name, heights in zip(comparison.samplers, shares, strict=True):
        ax.step(factors, heights, where="post", label=name, **({"linewidth": 1.6} | line_kwargs))
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlim(1.0, max(2.0, 1.05 * factors[-1]))
    ax.set_ylim(0.0, 1.02)
    ax.set_xlabel(f"trials until the top {100 * share:g} %, as a multiple of the best sampler's")
    ax.set_ylabel("share of tables")
    plain(ax)
    legend_above(ax)
    return ax
