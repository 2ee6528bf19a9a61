"""What is done to docstrings before Sphinx reads them."""

import re

# Written by scikit-learn and described in its own documentation.
INHERITED = re.compile(
    r"(get_params|set_params|get_metadata_routing|set_callbacks|set_\w+_request)$"
)
# An attribute at the start of a line is a numpydoc item, which numpydoc takes care of.
FITTED = re.compile(r"(?<![\w`.\\])(?<!^)(?<!^ {4})(\w+)_(?=[^\w`]|$)")


def process(app, what, name, obj, options, lines):
    """Read docstrings as plain text: formulas line by line, and bars and underscores as themselves."""
    lines[:] = as_plain_text(lines)


def skip(app, what, name, obj, skip, options):
    """Leave out members that only scikit-learn explains."""
    from_scikit_learn = str(getattr(obj, "__module__", "")).startswith("sklearn.")
    return True if from_scikit_learn or INHERITED.match(name) else None


def as_plain_text(lines):
    """Put ``::`` before indented formulas, and escape ``|`` and trailing underscores elsewhere.

    A formula is a block that a blank line and four more spaces set off from a paragraph. Literal blocks that are marked
    already, directives and list items stay as they are.
    """
    result, previous, literal = [], "", None
    for place, line in enumerate(lines):
        if not line.strip():
            result.append(line)
            continue
        if literal is not None and indent(line) < literal:
            literal = None
        after_blank = place > 0 and not lines[place - 1].strip()
        if literal is None and after_blank and previous and indent(line) >= indent(previous) + 4:
            literal = indent(line)
            if not re.match(r"\s*(\.\. |[-*] |\d+\. |:)", previous) and not previous.endswith("::"):
                result += [" " * indent(previous) + "::", ""]
        previous = line
        result.append(line if literal is not None or ">>>" in line else escaped(line))
    return result


def escaped(line):
    """The line with ``|`` and trailing underscores escaped outside of backticks."""
    parts = re.split(r"(`+[^`]*`+_*)", line)
    parts[::2] = [FITTED.sub(r"\1\\_", part.replace("|", r"\|")) for part in parts[::2]]
    return "".join(parts)


def indent(line):
    """Number of leading spaces."""
    return len(line) - len(line.lstrip())
