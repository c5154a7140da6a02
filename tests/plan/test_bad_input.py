"""What a plan's text must not be: each is refused with its place and a hint, whatever its size."""

from __future__ import annotations

import time

import jsonschema
import msgspec
import pytest

from trackplane.event import merge
from trackplane.plan import PlanError, Workspace, compile_validator, load_plan, to_json_schema
from trackplane.plan.names import code_name, fault_of
from trackplane.plan.text import check_size, decode

HEAD = "format: 1\napp: shop\n"


def told(text: str) -> list[tuple[str, int | None, int | None, str | None]]:
    with pytest.raises(PlanError) as caught:
        Workspace.load({"p.yaml": text})
    return [(f.code, f.line, f.column, f.hint) for f in caught.value.findings]


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "hint"),
    [
        ("format: 2\napp: shop\n", "format", 1, 1, "update Trackplane, or write the file in the older format"),
        ("app: shop\n", "format", 1, 1, "put `format: 1` first"),
        ("format: 1\napp: 1.10\n", "unquoted", 2, 1, 'put it into quotation marks: "1.10"'),
        ("events: {a: {title: 1.10}}", "unquoted", 3, 14, 'put it into quotation marks: "1.10"'),
        ("events: {a: {title: {en: 010}}}", "unquoted", 3, 22, 'put it into quotation marks: "010"'),
        ("events: {a: {platforms: [ios, 1.10]}}", "unquoted", 3, 31, 'put it into quotation marks: "1.10"'),
        ("events: {a: {variants: [{applies: {app_version: 1.10}, what: {x: string}}]}}", "unquoted", 3, 36, 'put it into quotation marks: "1.10"'),
        ("events: {a: {what: {x: string}, variants: [{applies: {what.x: 1.10}, what: {y: string}}]}}", "unquoted", 3, 55, 'put it into quotation marks: "1.10"'),
        ("events: {a: {what: {x: string}, variants: [{applies: {what.x: ['1', 1.10]}, what: {y: string}}]}}", "unquoted", 3, 69, 'put it into quotation marks: "1.10"'),
        ("events: {a: {what: {x: {type: string, pattern: 1.10}}}}", "unquoted", 3, 39, 'put it into quotation marks: "1.10"'),
        ("events: {a: {what: {x: {type: string, enum: [1.10]}}}}", "unquoted", 3, 46, 'put it into quotation marks: "1.10"'),
        ("metrics: {m: {of: a, measure: 1}}\nevents: {a: {}}", "unquoted", 3, 22, 'put it into quotation marks: "1"'),
        ("events: {1.10: {}}", "name", 3, 10, "put it into quotation marks"),
        ("events:\n\ta: {}\n", "yaml", 4, 2, "indent with spaces"),
        ("events:\n  a: {}\n  b: {}\n  a: {}\n", "duplicate", 6, 3, "keep one of them"),
        ("events:\n  a: {owner: team:x, owner: team:y}\n", "yaml", 4, 22, None),
        ("events: {a: {}}\nevents: {b: {}}\n", "yaml", 4, 1, None),
        ("events:\n  a: {}\ntypes: {}\nevents:\n  b: {}\n", "yaml", 6, 1, None),
        ('events:\n  a: {title: "x\u202ey"}\n', "bidi", 4, 16, "take it out: letters of right-to-left scripts need no such character"),
        ("events:\n  a: {} # \u2066\n", "bidi", 4, 11, "take it out: letters of right-to-left scripts need no such character"),
        ("events: {a\u200bb: {}}", "name", 3, 10, "type the name again"),
        ("events: {🎉: {}}", "name", 3, 10, "code and SQL cannot tell such names apart: use a word"),
        ("events: {a: {what: {x🔥: string}}}", "name", 3, 21, "code and SQL cannot tell such names apart: use a word"),
        ("events: {طلبX: {}}", "name", 3, 10, "write it in one script, beginning and ending with its letters"),
        ("events: {orderPay: {}, order_pay: {}}", "collision", 3, 24, "use another name, or only one of them"),
        ("events: {a: {what: {itemCount: integer, item-count: integer}}}", "collision", 3, 41, "use another name, or only one of them"),
        ("events: {a: {what: {total_value: number, total: {type: object, properties: {value: number}}}}}", "collision", 3, 42, "use another name, or only one of them"),
        ("events: {a: {where: {Page: string}}}", "collision", 3, 22, "use another name, or only one of them"),
        ("events: {a: {who: {userId: string}}}", "collision", 3, 20, "use another name, or only one of them"),
        ("types: {aB: string, a_b: string}", "collision", 3, 21, "use another name, or only one of them"),
        ("types: {a: b, b: {type: array, items: a}}", "recursive_type", 3, 32, "use `type: json` for a part that nests without end"),
        ("events: {a: {what: {x: {type: string, pattern: 'a\\s'}}}}", "pattern", 3, 39, "spell the characters out, for example [ \\t] or [A-Za-z]"),
        ("events: {a: {what: {x: {type: string, pii: mail}}}}", "pii", 3, 39, "did you mean 'email'?"),
        ("events: {a: {what: {x: {type: string, pii: email, purpose: [analytic]}}}}", "purpose", 3, 51, "did you mean 'analytics'?"),
        ("events: {a: {owner: pay}}", "owner", 3, 14, "did you mean 'team:pay'?"),
        ("events: {a: {screenshots: ['http://x.example/a.png']}}", "screenshot", 3, 28, "screenshots are shown over https only"),
        ("events: {a: {title: {zh_CN: T}}}", "language", 3, 22, "did you mean 'zh-CN'?"),
        ("events: {a: {tags: [' x']}}", "tag", 3, 21, None),
        ("events: {a: {expires: {on: 2027-02-30}}}", "date", 3, 24, None),
        ("events: {a: {expires: {on: 2027-02-20, renew_days: soon}}}", "shape", 3, 40, None),
        ("events: {a: {checks: [{name: x}]}}", "shape", 3, 23, "{name: items_counted, that: what.count >= 1}"),
        ("events: {a: {checks: [{name: x, that: a}, {name: x, that: b}]}}", "duplicate", 3, 44, None),
        ("events: {a: {checks: [{name: x, that: a, severity: fatal}]}}", "shape", 3, 42, None),
        ("events: {a: {what: {x: null}}}", "shape", 3, 21, None),
        ("events: {a: {deprecated: {replaced_by: b}}, b: {deprecated: {replaced_by: a}}}", "replacement_cycle", 3, 14, "say what to send in the end"),
        ("events: {a: {what: {x: {type: [t, u]}}}}\ntypes: {t: {type: object}, u: {type: object}}", "union", 3, 25, "make one type of them, or give the union as `type: json`"),
        ("events: {a: {what: {x: {type: [t, array]}}}}\ntypes: {t: {type: string, min_length: 2}}", "union", 3, 25, "make the alternatives of types that the constraint does not touch"),
    ],
)  # fmt: skip
def test_each_kind_of_bad_text_is_told_with_place_and_hint(text, code, line, column, hint):
    """A table of what a person gets wrong, and what somebody might do on purpose."""
    found = told(text if text.startswith(("format", "app")) else HEAD + text)
    assert found[0] == (code, line, column, hint)
    assert {each[0] for each in found} == {code}


@pytest.mark.parametrize(
    ("data", "message", "line", "column"),
    [
        ("app: 店".encode("utf-16"), "the file is UTF-16", 1, 1),
        ("app: x".encode("utf-16-le"), "the file is UTF-16", 1, 1),
        ("app: x".encode("utf-32"), "the file is UTF-32", 1, 1),
        ("app: x\ntitle: 订单支付\n".encode("gbk"), "byte 0xb6 at offset 14 is not UTF-8; the line reads as GBK", 2, 8),
        (b"app: x\n  \xff: 1\n", "byte 0xff at offset 9 is not UTF-8", 2, 3),
        ("app: é\nx: \xe9".encode("latin-1"), "byte 0xe9 at offset 5 is not UTF-8", 1, 6),
    ],
)  # fmt: skip
def test_a_wrong_encoding_is_named_with_its_byte(data, message, line, column):
    """UTF-16, UTF-32, GBK, Latin-1, plain rubbish."""
    with pytest.raises(PlanError) as caught:
        decode(data, file="p.yaml")
    (found,) = caught.value.findings
    assert (found.code, found.message, found.line, found.column) == (
        "encoding",
        message,
        line,
        column,
    )
    assert found.hint.startswith("save it as UTF-8")


def test_a_byte_order_mark_is_taken_away():
    """In bytes and in texts that come by the API."""
    assert decode(b"\xef\xbb\xbfapp: x", file="p.yaml") == "app: x"
    assert load_plan("\ufeff" + HEAD + "events: {a: {}}").events.keys() == {"a"}


def test_a_file_is_refused_by_its_size_before_it_is_read():
    """A gigabyte costs nothing; the limit can be set."""
    with pytest.raises(PlanError) as caught:
        check_size(1 << 30, file="big.yaml")
    (found,) = caught.value.findings
    assert found.message == "the file has 1,024.0 MB, more than the limit of 256.0 MB"
    check_size(1 << 30, file="big.yaml", limit=1 << 30)
    with pytest.raises(PlanError):
        decode(b"x" * 11, file="p.yaml", limit=10)


def test_texts_stay_texts():
    """YAML 1.2: NO, on and dates are no truth values, numbers or dates; CRLF is a line end."""
    plan = load_plan(
        HEAD.replace("\n", "\r\n")
        + "events:\r\n  NO: {title: on, expires: 2027-06-30}\r\n  a: {what: {x: {type: string, enum: [NO, yes, 2024-01-01]}}}\r\n"
    )
    assert plan.events["NO"].title == "on"
    assert plan.events["NO"].expires == "2027-06-30"
    assert plan.events["a"].properties["what"]["x"].enum == ("NO", "yes", "2024-01-01")


@pytest.mark.parametrize(
    "text",
    [
        "types:\n  t0: {type: object, properties: {a: string, b: string}}\n"
        + "".join(f"  t{n}: {{type: object, properties: {{a: t{n - 1}, b: t{n - 1}}}}}\n" for n in range(1, 40)),
        "events: {a: {what: {x: " + "{type: array, items: " * 100 + "string" + "}" * 101 + "}}",
        "x: &a [" + "[" * 150 + "]" * 150 + "]\n",
        "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
        "types:\n" + "".join(f"  t{n}: {{type: array, items: t{n + 1}}}\n" for n in range(300)) + "  t300: string\n",
    ],
)  # fmt: skip
def test_a_bomb_is_refused_in_a_moment(text):
    """Types that double, nests, aliases that multiply."""
    started = time.process_time()
    with pytest.raises(PlanError):
        load_plan(HEAD + text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("order_pay", True), ("Order Completed", True), ("订单支付", True), ("طلب", True), ("طلب_2", True), ("$page", True),
        ("a/b:c", True), ("日本 語", True), ("", False), (" a", False), ("a\tb", False), ("a\u00a0b", False), ("1️⃣", False),
        ("—", False), ("x" * 201, False), ("a\u202eb", False), ("cafe\u0301", False), (None, False), (True, False),
    ],
)  # fmt: skip
def test_names_are_what_code_sql_and_people_can_bear(name, right):
    """Scripts of the world yes, tricks no."""
    assert (fault_of(name) is None) is right


def test_names_are_one_in_code_whatever_their_case():
    """The words count, not what joins them."""
    forms = ["orderPay", "order_pay", "Order Pay", "ORDER-PAY", "OrderPay", "order.pay"]
    assert {code_name(name) for name in forms} == {"order_pay"}
    assert code_name("orderpay") != code_name("order_pay")
    assert code_name("HTTPStatus2xx") == "http_status2xx"


def test_the_finding_of_a_large_file_costs_no_second_reading():
    """Line and column are asked of the part alone."""
    events = "".join(f"  e{n}: {{what: {{x: string}}}}\n" for n in range(5_000))
    text = HEAD + "events:\n" + events + "  bad: {grade: P9}\n"
    assert told(text) == [("grade", 5_004, 9, "P0, P1, P2 or P3")]


# -- variants and unions


def twelve() -> str:
    variants = "".join(
        f"      - {{applies: {{what.k{n}: 1}}, what: {{x: {{max: {20 - n}}}, y{n % 3}: {{required: true}}}}}}\n"
        for n in range(12)
    )
    keys = ", ".join(f"k{n}: integer" for n in range(12))
    return (
        HEAD
        + "events:\n  a:\n    what: {x: integer, y0: string, y1: string, y2: string, "
        + keys + "}\n    variants:\n" + variants
    )  # fmt: skip


def test_twelve_variants_compile_to_a_small_schema_that_agrees():
    """4,096 combinations, some of them asked; the schema grows with the forms of a property."""
    spec = load_plan(twelve()).events["a"]
    validate = compile_validator(spec)
    schema = to_json_schema(spec)
    assert len(msgspec.json.encode(schema)) < 40_000
    judge = jsonschema.Draft202012Validator(schema)
    for seed in range(300):
        what = {f"k{n}": 1 for n in range(12) if seed * 2_654_435_761 >> n & 1}
        what |= {"x": seed % 23} | {f"y{n}": "s" for n in range(3) if seed >> n & 1}
        event = merge({}, {"event": "a", "what": what})
        errors = [v for v in validate(event) if v.severity == "error"]
        assert judge.is_valid(event) == (not errors), (what, errors)


def test_too_many_variants_or_forms_are_refused():
    """A thirteenth; and one property that all of them change in another way."""
    more = twelve() + "      - {applies: {what.k0: 2}, what: {x: {max: 1}}}\n"
    assert [f[0] for f in told(more)] == ["variants"]
    keys = ["min", "max", "title", "description", "required", "nullable", "pii"]
    values = ["1", "9", "T", "D", "true", "true", "other"]
    variants = "".join(
        f"      - {{applies: {{what.k{n}: 1}}, what: {{x: {{{key}: {value}}}}}}}\n"
        for n, (key, value) in enumerate(zip(keys, values, strict=True))
    )
    text = (
        HEAD
        + "events:\n  a:\n    what: {x: integer, "
        + ", ".join(f"k{n}: integer" for n in range(7))
    )
    found = told(text + "}\n    variants:\n" + variants)
    assert [f[0] for f in found] == ["variants"]


def test_named_types_stand_in_unions_items_and_values():
    """As long as each constraint speaks to one alternative."""
    plan = load_plan(
        HEAD
        + """\
types:
  money: {type: object, properties: {value: {type: number, min: 0, required: true}}}
  sku: {type: string, pattern: "[A-Z]+"}
events:
  a:
    what:
      x: {type: [money, sku, integer], required: true}
      many: {type: array, items: {type: [sku, money]}}
      by: {type: map, values: money}
"""
    )
    spec = plan.events["a"]
    assert spec.properties["what"]["x"].type == ("object", "string", "integer")
    validate = compile_validator(spec)
    judge = jsonschema.Draft202012Validator(to_json_schema(spec))
    for x, good in [({"value": 1}, True), ("AB", True), (3, True), ("ab", False), ({"value": -1}, False), ({}, False), (True, False)]:  # fmt: skip
        event = merge(
            {},
            {
                "event": "a",
                "what": {"x": x, "many": ["A", {"value": 2}], "by": {"k": {"value": 1}}},
            },
        )
        assert (not [v for v in validate(event) if v.severity == "error"]) is good
        assert judge.is_valid(event) is good
