"""What is done to docstrings before Sphinx reads them."""

import re

# Written by scikit-learn and described in its own documentation.
INHERITED = re.compile(r"(get_params|set_params|get_metadata_routing|set_callbacks|set_\w+_request)$")


def process(app, what, name, obj, options, lines):
    """Show indented formulas line by line and in a fixed-width font, as they stand in the source."""
    lines[:] = with_literal_blocks(lines)


def skip(app, what, name, obj, skip, options):
    """Leave out members that only scikit-learn explains."""
    return True if INHERITED.match(name) else None


def with_literal_blocks(lines):
    """Put ``::`` before blocks that a blank line and four more spaces set off from a paragraph.

    Literal blocks that are marked already, directives and list items stay as they are.
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
            marked = previous.rstrip().endswith("::") or re.match(r"\s*(\.\. |[-*] |\d+\. |:)", previous)
            if not marked:
                result += [" " * indent(previous) + "::", ""]
        previous = line
        result.append(line)
    return result


def indent(line):
    """Number of leading spaces."""
    return len(line) - len(line.lstrip())
