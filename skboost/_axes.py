"""Axes to draw on, and the look that pictures of the library share."""

from __future__ import annotations

from typing import Any

from skboost._optional import import_optional

GRID = "#E6E6E6"
INK = "#4D4D4D"
PANEL = "scores"


def axes_for(ax: Any, *, purpose: str, figsize: tuple[float, float]) -> Any:
    """The given axes, or those of a new figure.

    Parameters
    ----------
    ax : matplotlib Axes or None
    purpose : str
        Who asks, for the message if matplotlib is not installed.
    figsize : tuple of float
        Size of a new figure in inches.
    """
    pyplot = import_optional("matplotlib.pyplot", extra="plot", purpose=purpose)
    if ax is not None:
        return ax
    return pyplot.subplots(figsize=figsize, layout="constrained")[1]


def plain(ax: Any) -> None:
    """No frame above and to the right, and a faint grid behind what is drawn."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(INK)
    ax.tick_params(color=INK)
    ax.grid(True, color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)


def legend_above(ax: Any) -> Any:
    """A legend of two columns above the axes, where it hides nothing."""
    return ax.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=2,
        frameon=False,
        fontsize="small",
        borderaxespad=0.2,
    )


def found_panel(ax: Any) -> Any:
    """The panel that :func:`panel_below` has put below these axes, or None."""
    return next((child for child in ax.child_axes if child.get_label() == PANEL), None)


def panel_below(ax: Any) -> Any:
    """Small axes below others, which share their x axis and their place; made once.

    The room is taken from the axes above. Being a child of theirs, the panel is seen by every layout engine, and having
    a locator it follows them when an equal aspect makes them smaller.
    """
    panel = found_panel(ax)
    if panel is None:
        grid = import_optional("mpl_toolkits.axes_grid1", extra="plot", purpose="a panel of scores")
        divider = grid.make_axes_locatable(ax)
        panel = divider.new_vertical(size="20%", pad=0.12, pack_start=True, sharex=ax, label=PANEL)
        ax.add_child_axes(panel)
        plain(panel)
        ax.tick_params(labelbottom=False, bottom=False)
        panel.set_xlabel(ax.get_xlabel())
        ax.set_xlabel("")
    return panel
