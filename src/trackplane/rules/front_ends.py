"""The front ends' expressions, by the name of the front end."""

from __future__ import annotations

from collections.abc import Iterable

from trackplane.errors import Finding
from trackplane.rules import python
from trackplane.rules.ir import FrontEnd
from trackplane.rules.source import Excerpt
from trackplane.rules.sql.parse import parse_expression
from trackplane.rules.syntax import Node


def parse(
    excerpt: Excerpt, front_end: FrontEnd, names: Iterable[str] = (), functions: Iterable[str] = ()
) -> tuple[Node, list[Finding]]:
    """Return an expression's syntax tree and everything that is wrong with its form.

    ``names`` and ``functions`` as in ``python.parse``. The builder's expressions are in Python.
    """
    if front_end == "sql":
        return parse_expression(excerpt, names, functions)
    return python.parse(excerpt, names, functions)
