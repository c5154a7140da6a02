"""Lint: each rule finds what it says, is spared and set as told, and mending keeps the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml_rs

from trackplane.plan import PlanError, Workspace, fix, lint, lint_event, load_rules
from trackplane.plan.lint_rules import RULES, default_rules

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs/lint.md").read_text()
SCHEMA = json.loads((ROOT / "spec/lint.schema.json").read_text())
HEAD = "format: 1\napp: shop\n"
GOOD = "owner: team:x, title: T, description: D, trigger: W"


def only(code: str, options: str = ""):
    return load_rules(
        f"format: 1\ndefaults: false\nlint: {{{code}: {{severity: error{options}}}}}\n"
    )


# rule, its options, a plan that breaks it once, line and column of the finding
BREAKS = [
    ("name_pattern", "", "events: {orderPaid: {}}", (3, 10)),
    ("name_pattern", ", event: ''", "events: {orderPaid: {what: {itemCount: integer}}}", (3, 29)),
    ("name_pattern", ", type: '[A-Z].*'", "types: {money: number}\nevents: {a: {what: {x: money}}}", (3, 9)),
    ("name_pattern", "", "groups: {aB: {}}", (3, 10)),
    ("name_pattern", "", "events: {a: {}}\nmetrics: {nOf: {of: a, measure: count()}}", (4, 11)),
    ("name_length", ", max: 5", "events: {abcdef: {}}", (3, 10)),
    ("name_forbidden", ", words: [tmp]", "events: {btn_tmp_click: {}}", (3, 10)),
    ("name_forbidden", ", names: [data]", "events: {a: {what: {data: string}}}", (3, 21)),
    ("event_metadata", "", "events: {a: {grade: P1, owner: team:x, title: T}}", (3, 10)),
    ("metric_metadata", "", "events: {a: {}}\nmetrics: {m: {of: a, measure: count(), title: M}}", (4, 11)),
    ("property_metadata", "", "events: {a: {grade: P0, what: {x: string}}}", (3, 32)),
    ("property_count", ", max: 1", "events: {a: {what: {x: string, y: string}}}", (3, 10)),
    ("property_depth", ", max: 1", "events: {a: {what: {x: {type: object, properties: {y: {type: object, properties: {z: string}}}}}}}", (3, 21)),
    ("languages", ", required: [en, zh]", "events: {a: {title: {en: T}}}", (3, 14)),
    ("languages", ", required: [zh]", "events: {a: {what: {x: {type: string, title: T}}}}", (3, 39)),
    ("text_length", ", title_max: 3", "events: {a: {title: {en: Long}}}", (3, 22)),
    ("text_length", ", description_min: 9", "events: {a: {description: Short}}", (3, 14)),
    ("text_spaces", "", "events: {a: {title: ' T'}}", (3, 14)),
    ("tag_unknown", ", allowed: [a]", "events: {a: {tags: [a, b]}}", (3, 24)),
    ("category_unknown", ", allowed: [a]", "events: {a: {category: b}}", (3, 14)),
    ("platform_unknown", ", allowed: [ios]", "events: {a: {platforms: [iOS]}}", (3, 26)),
    ("owner_kind", "", "events: {a: {owner: person:ann}}", (3, 14)),
    ("pii_purpose", "", "events: {a: {what: {x: {type: string, pii: email}}}}", (3, 21)),
    ("pii_unmarked", "", "events: {a: {what: {buyerEmail: string}}}", (3, 21)),
    ("pii_unmarked", "", "types: {c: {type: object, properties: {phone: string}}}\nevents: {a: {what: {x: c}}}", (3, 40)),
    ("enum_labels", "", "events: {a: {what: {x: {type: string, enum: [a, b]}}}}", (3, 39)),
    ("string_unbounded", "", "events: {a: {what: {x: string}}}", (3, 21)),
    ("json_type", "", "events: {a: {what: {x: {type: array, items: json}}}}", (3, 38)),
    ("object_open", "", "events: {a: {what: {x: {type: object, properties: {y: string}}}}}", (3, 21)),
    ("deprecated_forever", "", "events: {a: {deprecated: true}}", (3, 14)),
    ("type_conflict", "", "events: {a: {what: {n: integer}}, b: {what: {n: integer}}, c: {what: {n: string}}}", (3, 71)),
    ("unused", "", "types: {t: string, u: t}\nevents: {a: {what: {x: t}}}", (3, 20)),
    ("unused", "", "groups: {g: {}}\nevents: {a: {}}", (3, 10)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "options", "text", "place"), BREAKS)
def test_each_rule_finds_what_breaks_it_in_its_place(code, options, text, place):
    """Once, with the severity it is set to; off and `except` spare it."""
    workspace = Workspace.load({"p.yaml": HEAD + text + "\n"})
    found = lint(workspace, only(code, options))
    assert [(f.code, f.severity, f.line, f.column) for f in found] == [(code, "error", *place)]
    assert lint(workspace, load_rules(f"format: 1\ndefaults: false\nlint: {{{code}: off}}")) == []
    assert lint(workspace, only(code, f"{options}, except: ['*']")) == []


def test_every_rule_is_shown_to_find_something():
    """No rule without a case above."""
    assert {code for code, *_ in BREAKS} == RULES.keys()


def test_a_property_of_a_group_or_type_is_looked_at_where_it_is_written():
    """Not in each event that has it."""
    text = """\
types: {contact: {type: object, properties: {email: string}}}
groups: {g: {what: {phone: string}}}
events:
  a: {groups: [g], what: {x: contact}}
  b: {groups: [g], what: {y: {type: array, items: contact}}}
"""
    found = lint(Workspace.load({"p.yaml": HEAD + text}), only("pii_unmarked"))
    assert [f.line for f in found] == [3, 4]


def test_after_a_change_only_some_events_are_looked_at():
    """By name; and one specification without any file."""
    workspace = Workspace.load({"p.yaml": HEAD + "events: {aB: {}, cD: {}}"})
    rules = only("name_pattern")
    assert [f.pointer for f in lint(workspace, rules, events=["cD"])] == ["/events/cD"]
    assert lint_event(workspace.plan.events["aB"], rules)[0].hint == "'a_b' is"


def test_the_rules_that_come_with_it_are_no_errors():
    """They refuse nothing that anybody has."""
    assert all(default_rules().severity_of(code) in (None, "warning") for code in RULES)
    workspace = Workspace.load({"p.yaml": HEAD + f"events: {{a: {{grade: P0, {GOOD}}}}}"})
    assert lint(workspace) == []


@pytest.mark.parametrize(
    ("text", "code", "line", "hint"),
    [
        ("lint: {name_patern: off}", "unknown_key", 2, "did you mean 'name_pattern'?"),
        ("lint:\n  unused: warn", "severity", 3, "did you mean 'warning'?"),
        ("lint: {name_pattern: {event: snake-case}}", "pattern", 2, "did you mean 'snake_case'?"),
        ("lint: {name_pattern: {event: '('}}", "pattern", 2, None),
        ("lint: {name_length: {max: long}}", "shape", 2, None),
        ("lint: {event_metadata: {P0: [titel]}}", "unknown_key", 2, "did you mean 'title'?"),
        ("lint: {languages: {required: [zh_cn]}}", "language", 2, "did you mean 'zh-CN'?"),
        ("lint: {pii_purpose: {purpose: fun}}", "purpose", 2, None),
        ("lint: {property_metadata: {grades: [P9]}}", "unknown_key", 2, None),
        ("events: {}\nlint: []", "shape", 3, None),
    ],
)
def test_wrong_rules_are_told_with_line_and_hint(text, code, line, hint):
    """As a plan's are."""
    with pytest.raises(PlanError) as caught:
        load_rules(f"format: 1\n{text}\n", file="lint.yaml")
    found = caught.value.findings[-1]
    assert (found.code, found.file, found.line) == (code, "lint.yaml", line)
    assert hint is None or found.hint == hint


def test_mending_changes_what_it_says_and_nothing_else():
    """Comments, order and layout stay; what is left is for a person."""
    text = """\
events:
  # paid
  pay: # now
    title: ' Paid 支付 '   # name
    tags: [Funnel, odd]
    what:
      email: string   # the buyer's
      box:
        type: object
        properties:
          ip:   {type: string}
      phone:
        type: string # e164
"""
    rules = load_rules(
        "format: 1\nlint: {tag_unknown: {allowed: [funnel]}, pii_purpose: {purpose: service}}"
    )
    workspace = Workspace.load({"p.yaml": HEAD + text})
    changed = fix(workspace, rules)
    assert changed == {
        "p.yaml": HEAD
        + """\
events:
  # paid
  pay: # now
    title: Paid 支付   # name
    tags: [funnel, odd]
    what:
      email: {type: string, pii: email, purpose: [service]}   # the buyer's
      box:
        type: object
        properties:
          ip:   {type: string, pii: ip, purpose: [service]}
      phone:
        purpose: [service]
        pii: phone
        type: string # e164
"""
    }
    left = workspace.change(changed)
    assert fix(left, rules) == {}
    assert {f.code for f in lint(left, rules)} == {"tag_unknown", "event_metadata"}


def test_the_manual_and_the_schema_show_the_table():
    """Every rule, severity, meaning, option and default."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+?) \| (.+?) \|$", MANUAL, re.MULTILINE)
    assert rows == [(code, r.severity, r.meaning, r.fixes or "–") for code, r in RULES.items()]
    options = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+?) \| (.+?) \|$", MANUAL, re.MULTILINE)
    assert [(code, name, o[1]) for code, name, *o in options] == [
        (code, name, option.meaning)
        for code, r in RULES.items()
        for name, option in r.options.items()
    ]
    for _, name, shown, _ in options:
        defaults = [r.options[name].default for r in RULES.values() if name in r.options]
        values = re.findall(r"`(.+?)`", shown)
        assert any(
            values == [str(v) for v in (d if isinstance(d, tuple) else (d,)) if v != ""]
            for d in defaults
        )
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["lint"]["properties"].keys() == RULES.keys()
    for code, rule in RULES.items():
        keys = SCHEMA["$defs"][code]["anyOf"][1]["properties"].keys()
        assert keys == {"severity", "except", *rule.options}


def test_the_manuals_rules_load_and_fit_the_schema():
    """The example is a real one."""
    (text,) = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
    rules = load_rules(text)
    assert rules.severity_of("unused") is None
    assert rules.settings["name_pattern"].exempt == ("legacy_*",)
    jsonschema.Draft202012Validator(SCHEMA).validate(yaml_rs.loads(text))
