"""The Python front end: what it takes, and how it refuses the rest; printing back."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.rules.check import check_expression
from trackplane.rules.ir import walk
from trackplane.rules.printing import text_of
from trackplane.rules.python import MAX_DEPTH, MAX_LIST, MAX_STRING, MAX_TEXT, parse
from trackplane.rules.reference import evaluate
from trackplane.rules.source import Excerpt, RuleError
from trackplane.testing.rules import spec_of

SPEC = spec_of(
    {
        "what.i": "integer",
        "what.j": "integer",
        "what.f": "number",
        "what.s": "string",
        "what.b": "boolean",
    }
)


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ('f"{id}"', "rule_syntax", "f-strings"),
        ("lambda: 1", "rule_syntax", "lambdas"),
        ("[x for x in id]", "rule_type", "not an array"),
        ("{x for x in id}", "rule_syntax", "comprehensions"),
        ("any(1 for x in id for y in id)", "rule_syntax", "two `for`"),
        ("any(what.b, what.b)", "rule_syntax", "any takes one"),
        ("any(what for what in id)", "rule_name", "taken"),
        ("(y := 1)", "rule_syntax", "assignments"),
        ("{'a': 1}", "rule_syntax", "dictionaries"),
        ("id.lower()", "rule_syntax", "methods"),
        ("id == 'a' & id", "rule_syntax", "BitAnd"),
        ("2 ** 3", "rule_syntax", "Pow"),
        ("~1", "rule_syntax", "unary ~"),
        ("id is id", "rule_syntax", "`is`"),
        ("'a' in what.i", "rule_type", "contains() does not take"),
        ("id in ()", "rule_syntax", "empty list"),
        ("lower(id, text=id)", "rule_syntax", "named arguments"),
        ("lower(*id)", "rule_syntax", "* arguments"),
        ("id[0:2]", "rule_syntax", "slices"),
        ("what.s[what.i]", "rule_syntax", "constant"),
        ("lower(id).x", "rule_syntax", "computed"),
        ("what.s()", "rule_syntax", "methods"),
        ("(lower)(id)(id)", "rule_syntax", "only functions"),
        ("eval('1')", "rule_function", "eval"),
        ("__import__('os')", "rule_function", "__import__"),
        ("b'x'", "rule_syntax", "bytes"),
        ("1j", "rule_syntax", "complex"),
        ("...", "rule_syntax", "ellipsis"),
        ("1e999", "rule_overflow", "float64"),
        ("'\\ud800'", "rule_syntax", "surrogate"),
        ("'\\d'", "rule_syntax", "backslash"),
        ("id # note", "rule_syntax", "comment"),
        ("id =", "rule_syntax", "not a Python expression"),
        ("import os", "rule_syntax", "not a Python expression"),
        ("ｌｏｗｅｒ(id) == 'a'", "rule_look_alike", "not written in ASCII"),
        ("whаt.s == 'a'", "rule_look_alike", "looks like 'what'"),
        ("what.ѕ1 == 'a'", "rule_name", "not planned"),
        ("what.prіce == 1", "rule_look_alike", "only looks like 'price'"),
        ("id == 'a\u202e'", "rule_look_alike", "RIGHT-TO-LEFT OVERRIDE"),
        ("matches(id, '(a|b){1000}{1000}')", "rule_pattern", "RE2"),
        ("matches(id, '\\\\pL{100}')", "rule_pattern", "too large"),
        ("matches(id, '(a)\\\\1')", "rule_pattern", "RE2"),
        ("matches(id, what.s)", "rule_type", "literal"),
        ("9" * 400, "rule_overflow", "int64"),
        (" or ".join(["what.b"] * 10_000), "rule_limit", "limit"),
        ("hour(timestamp(0), 'Mars/Base')", "rule_argument", "no time zone"),
        ("truncate_time(timestamp(0), 'fortnight')", "rule_argument", "no unit"),
        ("format_time(timestamp(0), '%Q')", "rule_argument", "%Q"),
        ("ip_in(id, '10.0.0.1/8')", "rule_argument", "not a network"),
        ("json_path(try_(parse_json(id)), '$..a')", "rule_argument", "JSON path"),
        ("mask(id, 'blur')", "rule_argument", "no method"),
        ("bucket(id, 0)", "rule_argument", "at least 1"),
        ("lookup('none', id, 'x')", "rule_table", "no table"),
        ("round(what.f, 99)", "rule_argument", "digits"),
        ("extract(id, 'a', 2)", "rule_argument", "groups"),
        ("user_agent(id, 'shoe')", "rule_argument", "no part"),
        ("campaign(id, 'x')", "rule_argument", "no part"),
        ("1) + (2", "rule_syntax", "not a Python expression"),
        ("", "rule_syntax", "empty"),
        ("  \n ", "rule_syntax", "empty"),
        ("true", "rule_name", "'true'"),
        ("((((" * 100, "rule_syntax", "not a Python expression"),
        ("not " * (MAX_DEPTH + 1) + "True", "rule_limit", "levels"),
        (" + ".join("1" * 600), "rule_limit", "more than"),
        (f"'{'x' * (MAX_STRING + 1)}'", "rule_limit", "limit"),
        (f"what.i in ({'1,' * (MAX_LIST + 1)})", "rule_limit", "limit"),
        ("x" * (MAX_TEXT + 1), "rule_limit", "limit"),
    ],
)
def test_what_is_not_in_the_language_is_refused_by_name(text, code, word):
    """One finding, never a traceback, and nothing is evaluated."""
    with pytest.raises(RuleError) as caught:
        check_expression(Excerpt.of(text), [SPEC])
    assert [finding.code for finding in caught.value.findings] == [code]
    assert word.lower() in caught.value.findings[0].message.lower()


@settings(max_examples=200)
@given(st.text(alphabet=string.printable + "雨é\u2028\x00", max_size=60))
def test_any_text_parses_or_gives_findings(text):
    """No text makes the front end fail otherwise; places are inside the text."""
    excerpt = Excerpt.of(text)
    _, findings = parse(excerpt)
    for finding in findings:
        assert (finding.line, finding.column) in excerpt.places


def test_names_are_taken_as_written():
    """Python would make one of these by normalising; plans compare bytes."""
    node, findings = parse(Excerpt.of("what.ﬁ"))
    assert not findings
    assert node.parts == ("ﬁ",)


def _numbers():
    return st.sampled_from(["what.i", "what.j", "1", "-2", "length(what.s)"])


EXPRESSIONS = st.recursive(
    _numbers(),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("(-{})".format, inner),
        st.builds("if_({} < {}, {}, {})".format, inner, inner, inner, inner),
        st.builds(
            "int(({} == {}) and not ({} >= {} or what.b))".format, inner, inner, inner, inner
        ),
        st.builds("coalesce({}, {})".format, inner, inner),
        st.builds("int({} in (1, 2))".format, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(EXPRESSIONS, st.none() | st.integers(-3, 3), st.none() | st.booleans())
def test_a_printed_expression_reads_back_as_the_same(text, number, truth):
    """Printing keeps precedence; so errors and the console show what runs."""
    try:
        expression = check_expression(Excerpt.of(text), [SPEC])
    except RuleError as error:
        if {finding.code for finding in error.findings} == {"rule_limit"}:
            return
        raise
    again = check_expression(Excerpt.of(text_of(expression)), [SPEC])
    assert text_of(again) == text_of(expression)
    assert len(list(walk(again))) <= len(list(walk(expression)))
    event = {"id": "1", "event": "e", "what": {"i": number, "j": 2, "s": "x", "b": truth}}
    assert evaluate(again, event) == evaluate(expression, event)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("toLower(id)", "lower"),
        ("LOWER(id)", "lower"),
        ("regexp_extract(id, 'a')", "extract"),
        ("startsWith(id, 'a')", "starts_with"),
        ("DATE_TRUNC('day', id)", "truncate_time"),
        ("greatest(1, 2)", "max_"),
        ("url_hots(id)", "url_host"),
        ("extractURLParameter(id, 'a')", "url_param"),
        ("JSONExtract(id, 'a')", "json_path"),
    ],
)
def test_a_function_of_another_language_gets_the_name_here(text, word):
    """Nearest names, and what SQL, ClickHouse and JavaScript call it."""
    with pytest.raises(RuleError) as caught:
        check_expression(Excerpt.of(text), [SPEC], guarded=True)
    (finding,) = caught.value.findings
    assert finding.code == "rule_function"
    assert finding.hint == f"did you mean '{word}'?"
