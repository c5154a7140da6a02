"""Implementations under any values: no exception, the declared type, and ERRORs only where declared."""

import contextlib
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trackplane.rules import ir
from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.library import BindError, Failure, bind
from trackplane.rules.library.table import match, type_of
from trackplane.rules.values import INT64_MAX, INT64_MIN
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
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "",
            "ab",
            "10.1.2.3",
            "::1",
            "81.2.69.142",
            "https://a@B.c:1/x?utm_source=%zz&q=+#f",
            "2026-11-23 10:00:00+0130",
            "31 Nov 26 12 AM",
            "[1,{}]",
            "1e999",
            "//[",
            "a@",
            "x://[::1",
        ]
    ),
)
INTEGERS = st.one_of(
    st.integers(-12, 12), st.integers(INT64_MIN, INT64_MAX), st.sampled_from([INT64_MIN, INT64_MAX])
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=6,
)
SCALARS = {
    "string": TEXTS,
    "int64": INTEGERS,
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "timestamp": st.one_of(st.integers(-(10**14), 3 * 10**14), INTEGERS),
}


def values_of(kind):
    """Return values of a type as text; the items of arrays and maps may be anything."""
    outer, _, item = kind.partition("<")
    if outer in SCALARS:
        return SCALARS[outer]
    items = st.one_of(values_of(item[:-1]), JSON) if item else JSON
    if outer == "array":
        return st.lists(items, max_size=5)
    if outer in ("object", "map"):
        return st.dictionaries(TEXTS, items, max_size=4)
    return JSON.filter(lambda value: value is not None)


def concrete(text):
    return text.replace("any", "json").replace("T", "string")


def of_type(value, kind):
    kind = kind.kind
    if kind in ("int64", "timestamp"):
        return type(value) is int and INT64_MIN <= value <= INT64_MAX
    if kind == "float64":
        return type(value) is float and math.isfinite(value)
    wanted = {"string": str, "bool": bool, "array": list, "object": dict, "map": dict}.get(kind)
    return wanted is None or type(value) is wanted


def calls():
    for name, function in FUNCTIONS.items():
        if function.make is None or name in ("lookup", "in"):
            continue
        for signature in function.signatures:
            args = [arg for arg in signature.args if arg != "…"]
            wanted = sum(arg.startswith("literal ") for arg in args)
            for literals in LITERALS.get(name, [["Asia/Kolkata"]]) if wanted else [[]]:
                if len(literals) == wanted:
                    yield name, signature, args, literals


def test_every_overload_with_literals_is_tried():
    """The table of literals above leaves none out."""
    tried = {(name, signature) for name, signature, _, _ in calls()}
    every = {(n, s) for n, f in FUNCTIONS.items() if f.make and n != "in" for s in f.signatures}
    assert {name for name, _ in every - tried} <= {"lookup", "format_time", "geo"}


@pytest.mark.parametrize(("name", "signature", "args", "literals"), list(calls()), ids=str)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_values_give_what_the_table_says(name, signature, args, literals, data):
    """Never an exception; NULL, ERROR and the type only as declared."""
    left = list(literals)
    nodes, given_values = [], []
    for number, arg in enumerate(args):
        if arg.startswith("literal "):
            value = left.pop(0)
            nodes.append(ir.Literal(value, type_of(arg.removeprefix("literal "))))
        else:
            kind = concrete(arg)
            value = data.draw(values_of(kind))
            nodes.append(ir.Path("what", (f"p{number}",), type_of(kind)))
        given_values.append(value)
    function = FUNCTIONS[name]
    found = match(function, nodes)
    result_type = found[1]
    if function.typed is not None:
        result_type = function.typed(nodes, ENVIRONMENT)
    result = bind(ir.Call(name, tuple(nodes), result_type), ENVIRONMENT)(*given_values)
    if isinstance(result, Failure):
        assert signature.failure != "never"
    elif result is None:
        assert signature.null
    else:
        assert of_type(result, result_type)


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
