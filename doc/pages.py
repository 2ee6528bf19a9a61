"""Pages made from the package itself: API pages from ``__all__``, the table of losses, the list of changes.

``write`` is called by conf.py. The folder it writes to is not kept under version control.
"""

import importlib
import inspect
import pkgutil
import re
import shutil
from pathlib import Path

import skboost


def topics():
    """Name -> module of every public topic: modules of skboost without underscore that hold anything public."""
    names = sorted(found.name for found in pkgutil.iter_modules(skboost.__path__))
    modules = {name: importlib.import_module(f"skboost.{name}") for name in names if name[0] != "_"}
    return {name: module for name, module in modules.items() if public_names(module)}


def public_names(module):
    """Names of ``__all__``, or, in a module without it, what is defined there and has no underscore."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(
        name
        for name, value in vars(module).items()
        if name[0] != "_" and getattr(value, "__module__", None) == module.__name__
    )


def write(folder: Path, root: Path) -> None:
    """Write all pages anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "losses.inc").write_text(losses_table())
    (folder / "whats_new.inc").write_text(restructured((root / "CHANGELOG.md").read_text()))
    found = topics()
    for topic, module in found.items():
        (folder / f"{topic}.rst").write_text(topic_page(topic, module))
        for name in public_names(module):
            (folder / f"{topic}.{name}.rst").write_text(
                object_page(topic, name, getattr(module, name))
            )
    rows = [(f":doc:`{topic}`", summary(module)) for topic, module in found.items()]
    text = heading("API reference", "=") + table(["package", "what it holds"], rows)
    (folder / "index.rst").write_text(text + "\n.. toctree::\n   :hidden:\n\n" + entries(found))


def topic_page(topic, module):
    """Page of a topic: its docstring and a table of its public names."""
    names = public_names(module)
    rows = [(f":doc:`{name} <{topic}.{name}>`", summary(getattr(module, name))) for name in names]
    return (
        f".. _api_{topic}:\n\n"
        + heading(f"skboost.{topic}", "=")
        + f"{inspect.getdoc(module)}\n\n"
        + table(["name", "summary"], rows)
        + "\n.. toctree::\n   :hidden:\n\n"
        + entries(f"{topic}.{name}" for name in names)
    )


def object_page(topic, name, value):
    """Page of one class, function or registry."""
    path = f"skboost.{topic}.{name}"
    if inspect.isclass(value):
        body = f".. autoclass:: {path}\n   :members:\n   :inherited-members: BaseEstimator, Exception, ABC\n"
    elif inspect.isroutine(value):
        body = f".. autofunction:: {path}\n"
    else:
        accepted = ", ".join(f'``"{alias}"``' for alias in value.aliases())
        body = f".. py:data:: {path}\n\n   {summary(value)} They are: {accepted}.\n"
    return heading(name, "=") + f"{body}"


def summary(value):
    """First paragraph of a docstring, without references."""
    if hasattr(value, "aliases") and not inspect.isclass(value):
        return f"Registry of the names that the parameter ``{value.parameter}`` accepts."
    text = inspect.getdoc(value) or ""
    return re.sub(r" *\[\d+\]_", "", " ".join(text.split("\n\n")[0].split()))


def losses_table():
    """Table of all registered losses: what a name stands for and what it needs."""
    from skboost.losses import LOSSES

    rows = []
    for alias, loss in LOSSES.items():
        kind = type(loss)
        rows.append(
            (
                f'``"{alias}"``',
                f":doc:`{kind.__name__} </api/losses.{kind.__name__}>`",
                summary(kind),
                "classes" if loss.kind == "classification" else "numbers",
                loss.link(()).name,
                "yes" if loss.multi_output or loss.kind == "classification" else "no",
            )
        )
    header = ["name", "class", "what it is", "target", "link", "several outputs or classes"]
    return table(header, rows)


def restructured(markdown):
    """The part of Markdown that the list of changes uses, as reStructuredText."""
    lines = []
    for line in markdown.splitlines():
        line = re.sub(r"`([^`]+)`", r"``\1``", line)
        line = re.sub(r"\[([^\]]+)\]\((http[^)]+)\)", r"`\1 <\2>`__", line)
        mark = re.match(r"(#+) +(.*)", line)
        if mark is None:
            lines.append(line)
        elif len(mark[1]) > 1:  # the title of the page stands in the page
            lines += heading(mark[2], "-^~"[len(mark[1]) - 2]).splitlines()
    return "\n".join(lines) + "\n"


def heading(text, line):
    """A title, underlined."""
    return f"{text}\n{line * len(text)}\n\n"


def table(header, rows):
    """A list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'*' if place == 0 else ' '} - {cell}" for place, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def entries(names):
    """Entries of a toctree."""
    return "".join(f"   {name}\n" for name in names)
