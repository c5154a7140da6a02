"""Trees printed by a front end and parsed again are the same trees."""

import pytest
from hypothesis import given, settings
from tests.rules.test_sql import bare
from tests.rules.trees import trees

from trackplane.rules import python
from trackplane.rules.printing import python_text
from trackplane.rules.source import Excerpt
from trackplane.rules.sql.parse import parse_expression
from trackplane.rules.sql.print import sql_text


@settings(max_examples=400)
@given(tree=trees())
def test_python_text_parses_to_the_tree_it_was_printed_from(tree):
    """Precedence, quotes, odd names, items: nothing is lost."""
    text = python_text(tree)
    node, findings = python.parse(Excerpt.of(text))
    assert findings == [], text
    assert bare(node) == bare(tree), text
    assert python_text(node) == text


@settings(max_examples=400)
@given(tree=trees())
def test_sql_text_parses_to_the_tree_it_was_printed_from(tree):
    """The same of SQL; and what is printed is SQL to sqlglot's own parser too."""
    text = sql_text(tree)
    node, findings = parse_expression(Excerpt.of(text))
    assert findings == [], text
    assert bare(node) == bare(tree), text
    assert sql_text(node) == text


@pytest.mark.parametrize("text", ["if_(what.b)", "is_null()", "coalesce()", "concat('a')", "int()"])
def test_calls_of_too_few_arguments_print_as_they_are_written(text):
    """The checker refuses them; until then they are calls like any other."""
    for read, printed in ((python.parse, python_text), (parse_expression, sql_text)):
        node, findings = read(Excerpt.of(text))
        assert findings == []
        again, _ = read(Excerpt.of(printed(node)))
        assert bare(again) == bare(node)
