"""Plans from YAML: what they mean, and every way in which they can be wrong."""

from __future__ import annotations

import msgspec
import pytest

from trackplane.errors import InputError
from trackplane.plan import (
    EventSpec,
    PlanError,
    compile_validator,
    load_plan,
    load_plans,
    load_with_warnings,
)
from trackplane.plan.patterns import compile_pattern, foreign_part, to_ecma

HEAD = "format: 1\napp: shop\n"


def findings(text: str) -> list[tuple[str, int | None, int | None]]:
    with pytest.raises(PlanError) as caught:
        load_plan(HEAD + text)
    return [(f.code, f.line, f.column) for f in caught.value.findings]


def test_design_example_loads_and_travels_as_json():
    """Types, groups, unions, labels, variants, metrics: expanded, and equal after a round trip."""
    plan = load_plan(
        HEAD
        + """
types:
  money: {type: object, properties: {value: {type: number, min: 0, required: true}, currency: {type: string, enum: {SGD: Singapore dollar, CNY: {en: Renminbi, zh: 人民币}}}}}
  price: {type: money, title: Price, properties: {value: {max: 10}}}
groups:
  page_common: {where: {page: {type: string, required: true}}, what: {experiment: string, level: integer}}
events:
  order_pay:
    title: {en: Order paid, zh: 订单支付}
    owner: team:pay
    grade: P0
    groups: [page_common]
    what:
      total: {type: price, required: true}
      level: {max: 5}
      items: {type: array, min_length: 1, items: {type: object, properties: {attrs: {type: map, values: string}}}}
      either: {type: [string, integer]}
      step: {type: integer, enum: {1: first, 2: second}}
      amount: {type: number, deprecated: {replaced_by: what.total.value, until: 2027-01-31}}
    variants:
      - {applies: {app_version: "<9.2"}, what: {total: {required: false}, step: {enum: {3: third}}, old: integer}}
      - {applies: {what.total.currency: CNY}, what: {total: {properties: {value: {max: 50000}}}}}
    expires: 2027-06-30
  pay_done: {grade: P3, deprecated: {replaced_by: order_pay}}
  empty:
metrics:
  gmv: {of: order_pay, measure: sum(what.total.value), where: 'what.total.currency == "SGD"'}
"""
    )
    spec = plan.events["order_pay"]
    what = spec.properties["what"]
    assert spec.grade == "P0"
    assert spec.expires == "2027-06-30"
    assert plan.events["empty"].grade == "P2"
    assert what["total"].properties["value"].max == 10
    assert what["total"].properties["value"].min == 0
    assert what["total"].properties["currency"].enum == ("SGD", "CNY")
    assert what["total"].properties["currency"].enum_labels["CNY"] == {
        "en": "Renminbi",
        "zh": "人民币",
    }
    assert what["step"].enum == (1, 2)
    assert what["level"].type == ("integer",)
    assert what["level"].max == 5
    assert what["either"].type == ("string", "integer")
    assert what["amount"].deprecated.until == "2027-01-31"
    assert spec.properties["where"]["page"].required
    assert plan.metrics["gmv"].measure == "sum(what.total.value)"
    again = msgspec.json.decode(msgspec.json.encode(spec), type=EventSpec)
    assert again == spec
    event = {"where": {"page": "/"}, "how": {"app_version": "9.1"}, "what": {"step": 3, "old": 1}}
    assert compile_validator(again)(event) == ()


def test_all_findings_come_at_once_each_with_its_place():
    """Line and column of the very key, whatever its depth."""
    assert findings(
        """events:
  pay:
    gradee: P0
    grade: P9
    what:
      a: {type: strin}
      b: {type: integer, min: 5, max: 1}
      c: {type: array, items: {type: string, pattern: "("}}
    groups: [nope]
    expires: 2027-02-30
metrics:
  m: {of: payy, measure: count()}
"""
    ) == [
        ("unknown_key", 5, 5),
        ("grade", 6, 5),
        ("unknown_type", 8, 11),
        ("constraint", 9, 26),
        ("pattern", 10, 46),
        ("unknown_group", 11, 14),
        ("date", 12, 5),
        ("unknown_event", 14, 7),
    ]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("events: {a: {what: {x: {type: t}}}}\ntypes: {t: {type: u}, u: {type: array, items: t}}", {"recursive_type"}),
        ("events: {a: {what: {x: {type: [money, number]}}}}\ntypes: {money: {type: number}}", {"union"}),
        ("types: {string: {type: integer}}", {"name"}),
        ("groups: {g: {what: {x: string}}, h: {what: {x: integer}}}\nevents: {a: {groups: [g, h]}}", {"groups_disagree"}),
        ("use: [commerce@3]", {"library"}),
        ("events: {a: {x: string}}", {"unknown_key"}),
        ("events: {a: {who: {user_id: integer}}}", {"built_in"}),
        ("events: {a: {when: {server: timestamp}}}", {"built_in"}),
        ("events: {a: {variants: [{applies: {}, who: {user_id: {type: integer}}}]}}", {"built_in"}),
        ("events: {a: {what: {x: {type: string, enum: [1]}}}}", {"unquoted"}),
        ("events: {a: {what: {x: {type: integer, enum: [true]}}}}", {"enum"}),
        ("events: {a: {what: {x: {type: integer, enum: []}}}}", {"enum"}),
        ("events: {a: {what: {x: {type: string, max: 1}}}}", {"constraint"}),
        ("events: {a: {what: {x: {type: string, min_length: -1}}}}", {"constraint"}),
        ("events: {a: {what: {x: {type: number, max: .nan}}}}", {"constraint"}),
        ("events: {a: {what: {x: {type: integer, max: 9999999999999999999}}}}", {"constraint"}),
        ("events: {a: {what: {x: {type: string, required: maybe}}}}", {"value"}),
        ("events: {a: {what: {x: {required: true}}}}", {"type"}),
        ("events: {a: {what: {x: [string]}}}", {"shape"}),
        ("events: {a: {what: {'x.y': string}}}", {"name"}),
        ("events: {a: {what: {true: string}}}", {"name"}),
        ("events: {a: {what: {x: {type: object, properties: {'': string}}}}}", {"name"}),
        ("events: {a: {what: {price: string, рrice: string}}}", {"look_alike"}),
        ("events: {home: {}, Home: {}}", {"look_alike"}),
        ("events: {caf\u0065\u0301: {}}", {"name"}),
        ("events: {$custom: {}}", {"name"}),
        ("events: {1_000: {}}", {"name"}),
        ("events: {a: {removed: maybe}}", {"shape"}),
        ("events: {a: {deprecated: {until: soon}}}", {"date"}),
        ("events: {a: {variants: [{applies: {what.nope: 1}}]}}", {"applies"}),
        ("events: {a: {variants: [{applies: {app_version: new}}]}}", {"applies"}),
        ("events: {a: {variants: [{what: {x: string}}]}}", {"shape"}),
        ("events: {a: {what: {x: string}, variants: [{applies: {}, what: {x: null}}, {applies: {}, what: {x: {required: true}}}]}}", {"variants"}),
        ("metrics: {m: {of: a}}", {"metric"}),
        ("events: []", {"shape"}),
    ],
)  # fmt: skip
def test_each_mistake_has_its_code(text, codes):
    """A table of what a plan must not say; each is found once."""
    found = findings(text)
    assert {code for code, _, _ in found} == codes
    assert len(set(found)) == len(found)
    assert all(line for _, line, _ in found)


def test_a_fault_in_a_group_or_type_is_reported_where_it_stands_only():
    """Not again at each of its uses."""
    uses = "".join(f"  e{n}: {{groups: [g], what: {{m: bad}}}}\n" for n in range(5))
    text = "types: {bad: {type: number, min: 2, max: 1}}\ngroups: {g: {what: {x: {type: nope}}}}\nevents:\n"
    assert [code for code, _, _ in findings(text + uses)] == ["constraint", "unknown_type"]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("format: 1\nevents: [", 2, 9),
        ("format: 1\napp: shop\nevents:\n  a: {}\n  a: {}\n", 5, 3),
        ("format: 1\nformat: 1\n", 2, 1),
        ("a: b: c", 1, 5),
        ("- a list", 1, 1),
        ("", 1, 1),
        ('a: "\\ud800"', 1, 4),
        ("a: \ud800", 1, 4),
    ],
)
def test_what_is_not_yaml_is_told_with_line_and_column(text, line, column):
    """Syntax errors, duplicate keys, other documents."""
    with pytest.raises(InputError) as caught:
        load_plan(text, file="shop.yaml")
    (found,) = caught.value.findings
    assert (found.file, found.line, found.column) == ("shop.yaml", line, column)


def test_alias_bombs_and_deep_nesting_are_refused():
    """Neither memory nor the C stack is exhausted."""
    layers = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    for text in (
        layers,
        "[" * 200_000,
        "{a: " * 200_000,
        HEAD + "events: {a: " + "[" * 300 + "]" * 300 + "}",
    ):
        with pytest.raises(PlanError):
            load_plan(text)


def test_several_files_make_one_plan():
    """Each finding names its file; what is written twice names both."""
    plan = load_plans(
        {
            "base.yaml": HEAD + "types: {id: {type: string}}\nevents: {a: {what: {x: id}}}",
            "more.yaml": "app: shop\nevents: {b: {what: {y: id}}}",
        }
    )
    assert list(plan.events) == ["a", "b"]
    with pytest.raises(PlanError) as caught:
        load_plans(
            {
                "base.yaml": HEAD + "events: {a: {}}",
                "more.yaml": "app: other\nevents:\n  a: {}\n  b: {what: {x: strin}}",
            }
        )
    places = [(f.code, f.file, f.line) for f in caught.value.findings]
    assert places == [
        ("duplicate", "base.yaml", 2),
        ("duplicate", "base.yaml", 3),
        ("unknown_type", "more.yaml", 4),
    ]
    assert "more.yaml" in caught.value.findings[1].message


def test_a_replacement_that_is_not_planned_is_a_warning():
    """Warnings do not stop a plan."""
    loaded = load_with_warnings(HEAD + "events: {a: {deprecated: {replaced_by: bb}}, b: {}}")
    assert [(w.code, w.severity, w.line) for w in loaded.warnings] == [
        ("unknown_event", "warning", 3)
    ]
    assert loaded.plan.events["a"].deprecated.replaced_by == "bb"


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        (r"a\s", r"\s"), (r"\bx", r"\b"), (r"\p{L}", r"\p"), ("(?i)a", "(?i"), ("(?=a)", "(?="),
        ("[[:alpha:]]", "[[:alpha:]"), ("[]a]", "[]"), (r"[\s]", r"\s"), ("a{,3}", "{,"), (r"\-", r"\-"),
        (r"(?:a|b)+\d{2,3}[^\]\-x]\.\w", None), ("[A-Z]{3}-[0-9]{4}", None), (r"\\s", None),
    ],
)  # fmt: skip
def test_patterns_keep_to_what_re2_and_ecma_262_share(pattern, part):
    """The first foreign part is named."""
    assert foreign_part(pattern) == part


def test_a_pattern_for_json_schema_is_anchored_and_its_dot_excludes_the_newline_only():
    """ECMA-262's dot excludes three characters more."""
    assert to_ecma(r"a.[.]\.|b") == r"^(?:a[^\n][.]\.|b)$"


def test_a_pattern_is_linear_and_remembers_only_a_bounded_number_of_values():
    """No plan makes an event slow; no event fills the memory."""
    evil = compile_pattern("(a|a)*b")
    assert not evil("a" * 50_000)
    many = compile_pattern("[0-9]+x")
    assert all(many(f"{number}x") for number in range(3_000))
    cells = [cell.cell_contents for cell in many.__closure__]
    assert [len(held) <= 1_024 for held in cells if isinstance(held, set)] == [True]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("events: {a: {titel: A}}", "did you mean 'title'?"),
        ("events: {a: {properties: {}}}", "properties stand under who, when, where, how or what"),
        ("groups: {g: {price: number}}", "known: how, what, when, where, who"),
    ],
)
def test_a_key_that_is_not_known_says_which_are(text, hint):
    with pytest.raises(PlanError) as raised:
        load_plan(HEAD + text)
    assert [finding.hint for finding in raised.value.findings] == [hint]
