"""Implementations under any values: no exception, the declared type, and ERRORs only where declared."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trackplane.rules import ir
from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.library import BindError, bind
from trackplane.rules.library.table import type_of
from trackplane.testing.functions import try_signature
from trackplane.testing.rules import ENVIRONMENT

LITERALS = {
    "matches": [["[a-z]+"], ["(?i)a|$"]],
    "extract": [["(a)|b"], ["(a)?b", 1]],
    "extract_all": [["a*"]],
    "replace_matches": [["(a)?", r"<\1\0>"]],
    "count_matches": [["."]],
    "round": [[2], [15]],
    "lpad": [["ab"]],
    "rpad": [["ab"]],
    "truncate_time": [[u] for u in ("second", "hour", "day", "week", "month", "quarter", "year")]
    + [[u, "Pacific/Apia"] for u in ("minute", "hour", "day", "week", "year")],
    "add_time": [[u] for u in ("millisecond", "day", "month", "year")]
    + [[u, "Europe/Berlin"] for u in ("hour", "day", "week", "quarter")],
    "time_diff": [["day"], ["month"], ["year"]],
    "format_time": [
        ["%Y %y %m %d %H %I %p %M %S %g %f %j %a %A %b %B %u %G %V %z %%", "Asia/Tokyo"]
    ],
    "parse_time": [["%Y-%m-%d %H:%M:%S%z"], ["%d %b %y %I %p", "America/New_York"]],
    "json_path": [['$.a[0]["b c"]']],
    "bucket": [[10]],
    "mask": [["redact"], ["hash"], ["first2"], ["last3"], ["email"], ["ip"]],
    "hmac": [["default"]],
    "pseudonym": [["default"]],
    "campaign": [["source"]],
    "ip_in": [["10.0.0.0/8"], ["fc00::/7"]],
    "user_agent": [["browser"], ["os_version"]],
    "geo": [["city"], ["latitude"], ["region"]],
}


def calls():
    for name, function in FUNCTIONS.items():
        if function.make is None or name in ("lookup", "in"):
            continue
        for signature in function.signatures:
            args = [arg for arg in signature.args if arg != "…"]
            wanted = sum(arg.startswith("literal ") for arg in args)
            for literals in LITERALS.get(name, [["Asia/Kolkata"]]) if wanted else [[]]:
                if len(literals) == wanted:
                    yield name, signature, literals


def test_every_overload_with_literals_is_tried():
    """The table of literals above leaves none out."""
    tried = {(name, signature) for name, signature, _ in calls()}
    every = {(n, s) for n, f in FUNCTIONS.items() if f.make and n != "in" for s in f.signatures}
    assert {name for name, _ in every - tried} <= {"lookup", "format_time", "geo"}


@pytest.mark.parametrize(("name", "signature", "literals"), list(calls()), ids=str)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_values_give_what_the_table_says(name, signature, literals, data):
    """Never an exception; NULL, ERROR and the type only as declared."""
    try_signature(FUNCTIONS[name], signature, literals, data)


@given(st.text(max_size=30))
def test_any_text_as_a_literal_binds_or_is_refused(text):
    """Patterns, formats, paths, zones, networks, methods: a BindError, never another exception."""
    for name in (
        "matches",
        "format_time",
        "parse_time",
        "json_path",
        "mask",
        "ip_in",
        "truncate_time",
    ):
        kind = FUNCTIONS[name].signatures[0].args[0]
        call = ir.Call(
            name, (ir.Path("what", ("p",), type_of(kind)), ir.Literal(text, ir.STRING)), ir.STRING
        )
        try:
            bind(call, ENVIRONMENT)
        except BindError:
            continue
    call = ir.Call(
        "year", (ir.Path("what", ("p",), ir.TIMESTAMP), ir.Literal(text, ir.STRING)), ir.INT64
    )
    with contextlib.suppress(BindError):
        bind(call, ENVIRONMENT)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "^$",
        "a*",
        "(?i)é",
        "^a|b$",
        r"\pL+[0-9]",
        "[^a]",
        ".{3}",
        "(a|b)*c",
        r"(?s)a.b",
        r"\bab\b",
    ],
)
@given(st.one_of(st.text(max_size=12), st.text(alphabet="abcéÉ1 \n", max_size=12)))
def test_matches_says_what_a_search_finds(pattern, text):
    """It asks RE2 in a quicker way than `extract`; the answer is the same."""
    nodes = (ir.Path("what", ("p",), ir.STRING), ir.Literal(pattern, ir.STRING))
    quick = bind(ir.Call("matches", nodes, ir.BOOL))(text, pattern)
    found = bind(ir.Call("count_matches", nodes, ir.INT64))(text, pattern)
    assert quick is (found > 0)


def test_a_pattern_near_the_bound_still_finds():
    """What is accepted is searched in full, however large its automaton."""
    pattern = r"(?:[a-z]{1,40}[0-9]{1,40}){12}$"
    nodes = (ir.Path("what", ("p",), ir.STRING), ir.Literal(pattern, ir.STRING))
    quick = bind(ir.Call("matches", nodes, ir.BOOL))
    text = "x" * 500 + "ab12" * 12
    assert quick(text, pattern) is True
    assert quick(f"{text}!", pattern) is False
