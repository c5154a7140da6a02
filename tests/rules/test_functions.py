"""The table of functions: what plug-ins may add, what calls need of a node, what stays bounded."""

import re

import pytest

from trackplane.rules import ir
from trackplane.rules.check import check_expression
from trackplane.rules.definitions import Definitions
from trackplane.rules.functions import (
    ALIASES,
    FUNCTIONS,
    Function,
    FunctionConflictError,
    FunctionError,
    register,
)
from trackplane.rules.library import BindError, Environment, bind, never_fails, registry
from trackplane.rules.library.table import overload, plain, type_of
from trackplane.rules.reference import evaluate
from trackplane.rules.source import Excerpt, RuleError
from trackplane.testing.rules import DEFINITIONS, ENVIRONMENT

EVENT = {"id": "u-1", "event": "e"}


def typed(text, definitions=DEFINITIONS):
    return check_expression(Excerpt.of(text), None, definitions=definitions)


def shout(**changes):
    given = {
        "name": "acme_shout",
        "doc": "Louder.",
        "signatures": (overload("string -> string"),),
        "make": plain(lambda text: f"{text}!"),
        "examples": (('acme_shout("a")', "a!"),),
    }
    return Function(**(given | changes))


@pytest.fixture
def table():
    """Take away what a test adds."""
    before = dict(FUNCTIONS)
    yield
    for name in FUNCTIONS.keys() - before.keys():
        del registry._functions[name]


def test_a_plug_in_adds_a_function_that_rules_then_call(table):
    """It is checked and run as one of ours; registering it twice changes nothing."""
    function = shout()
    register(function)
    register(function)
    expression = typed("acme_shout(lower(id))")
    assert expression.type == ir.STRING
    assert evaluate(expression, EVENT) == "u-1!"
    assert never_fails(expression)


@pytest.mark.parametrize("name", ["lower", "eq", "any", "what", "substring"])
def test_a_plug_in_cannot_take_a_name_that_means_something(table, name):
    """Built-in functions, roots, quantifiers and aliases stay what they are."""
    with pytest.raises(FunctionConflictError, match="already"):
        register(shout(name=name))


def test_two_plug_ins_cannot_share_a_name(table):
    """The second is refused, the first stays."""
    first = shout()
    register(first)
    with pytest.raises(FunctionConflictError):
        register(shout(doc="Other."))
    assert FUNCTIONS["acme_shout"] is first


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"name": "Acme"}, "name"),
        ({"name": "a-b"}, "name"),
        ({"sign": "~"}, "name"),
        ({"make": None}, "implementation"),
        ({"signatures": ()}, "signature"),
        ({"signatures": (overload("text -> string"),)}, "type"),
        ({"signatures": (overload("array<T> -> list<T>"),)}, "type"),
    ],
)
def test_a_malformed_function_is_refused(table, changes, word):
    """With a reason, and the table as it was."""
    with pytest.raises(FunctionError, match=word):
        register(shout(**changes))
    assert "acme_shout" not in FUNCTIONS


def test_an_unknown_key_table_or_geo_database_is_found_by_the_check():
    """With the nearest name; keys and geo are not checked where the nodes' are not known."""
    some = Definitions(tables=ENVIRONMENT.tables, keys=frozenset({"default"}), has_geo=False)
    for text, code, hint in [
        ('hmac(id, "defualt")', "rule_key", "default"),
        ('lookup("country", id, "region")', "rule_table", "countries"),
        ('lookup("countries", id, "regoin")', "rule_table", "region"),
        ('lookup("shops", id, "city")', "rule_type", ""),
        ('geo(id, "city")', "rule_geo", "TRACKPLANE_GEO_DATABASE"),
    ]:
        with pytest.raises(RuleError) as caught:
            typed(text, some)
        (finding,) = caught.value.findings
        assert finding.code == code
        assert hint in (finding.hint or "")
    unknown = Definitions()
    assert typed('hmac(id, "other")', unknown).type == ir.STRING
    assert typed('geo(id, "latitude")', unknown).type == ir.FLOAT64


def test_a_node_without_what_a_call_needs_cannot_bind_it():
    """So that it refuses the rule, rather than run it otherwise."""
    for text in ('pseudonym(id, "default")', 'lookup("shops", 1, "open")', 'geo(id, "city")'):
        expression = typed(text)
        assert bind(expression, ENVIRONMENT) is not None
        with pytest.raises(BindError) as caught:
            bind(expression, Environment())
        assert caught.value.missing


def test_a_lookup_is_of_the_columns_type_and_refused_when_the_column_changes():
    """A rule checked with another table never reads a cell as what it is not."""
    expression = typed('lookup("shops", 1, "open")')
    assert expression.type == ir.BOOL
    changed = ir.LookupTable(name="shops", key="int64", columns={"open": "string"}, rows={})
    with pytest.raises(BindError, match="string now"):
        bind(expression, Environment(tables={"shops": changed}))


def test_aliases_lead_to_functions():
    """No hint names what is not there, or is spelled by a sign."""
    assert [name for name, here in ALIASES.items() if here not in FUNCTIONS] == []
    assert [name for name in ALIASES if name in FUNCTIONS] == []


def test_names_say_one_thing_and_are_plain():
    """Lower case and digits; every function says what it does in a sentence."""
    for function in FUNCTIONS.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", function.name)
        assert function.doc.endswith((".", "`."))
        assert function.cost >= 1


@pytest.mark.parametrize("text", ["text", "array<", "array<x>", "string<int64>", "map<map<string>"])
def test_a_text_that_spells_no_type_is_refused(text):
    """The types of user functions come from people."""
    with pytest.raises(ValueError, match="type"):
        type_of(text)
