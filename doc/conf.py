"""Configuration of Sphinx."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import docstrings  # noqa: E402
import pages  # noqa: E402

import skboost  # noqa: E402

project = "skboost"
author = "the skboost developers"
copyright = "the skboost developers"
release = version = skboost.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "matplotlib.sphinxext.plot_directive",
]
# everything below is written by pages.py from the package itself
exclude_patterns = ["_build", "api/*.inc"]
autosummary_generate = False
autodoc_typehints = "none"  # docstrings say types in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = (
    False  # methods follow their class, there is no table of links to them
)
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 130)]
plot_include_source = True

html_theme = "alabaster"
html_title = f"skboost {release}"
html_static_path = ["_static"]
html_css_files = ["skboost.css"]
html_show_sourcelink = False
smartquotes = False  # quotes in types are code
html_theme_options = {
    "description": "Boosting beyond trees",
    "fixed_sidebar": True,
    "page_width": "1180px",
    "sidebar_width": "230px",
    "font_family": "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif",
    "head_font_family": "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif",
    "show_powered_by": False,
}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}


def setup(app):
    """Write the generated pages before Sphinx looks for pages, and mend docstrings as they are read."""
    pages.write(HERE / "api", HERE.parent)
    # before numpydoc, whose handler has the default priority of 500
    app.connect("autodoc-process-docstring", docstrings.process, priority=400)
    app.connect("autodoc-skip-member", docstrings.skip)
