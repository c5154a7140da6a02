"""Workspaces: what a change reads again, and that it comes to the same as reading everything."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.plan import Library, PlanError, Workspace, load_library, split_libraries
from trackplane.plan.cut import WHOLE, common_ends, cut

HEAD = "format: 1\napp: shop\n"
BASE = (
    HEAD
    + """\
types:
  money: {type: object, properties: {value: {type: number}, currency: string}}
  price: {type: money, title: Price}
groups:
  page:
    where: {path: string}
  basket:
    what: {items: {type: array, items: money}}
"""
)
EVENTS = (
    HEAD
    + """\
events:
  # the first
  pay:
    title: Paid
    what: {total: price}
  view:
    groups: [page]

  cart: {groups: [basket], what: {n: integer}}
  plain: {}
metrics:
  pays: {of: pay, measure: count()}
"""
)


def test_a_change_makes_only_what_it_touches_again():
    """By text, by type (through other types), by group; the rest is the same object."""
    before = Workspace.load({"base.yaml": BASE, "events.yaml": EVENTS})
    assert before.changed == {"pay", "view", "cart", "plain"}

    titled = before.change({"events.yaml": EVENTS.replace("Paid", "Was paid")})
    assert titled.changed == {"pay"}
    assert titled.plan.events["view"] is before.plan.events["view"]
    assert before.plan.events["pay"].title == "Paid"

    typed = before.change({"base.yaml": BASE.replace("currency: string", "currency: integer")})
    assert typed.changed == {"pay", "cart"}
    assert typed.plan.events["plain"] is before.plan.events["plain"]

    grouped = before.change({"base.yaml": BASE.replace("path: string", "path: integer")})
    assert grouped.changed == {"view"}

    commented = before.change({"events.yaml": "# new\n" + EVENTS.replace("# the first", "# one")})
    assert commented.changed == frozenset()
    assert commented.plan == before.plan
    assert before.change({}).plan == before.plan


def test_events_come_and_go_in_the_order_of_the_files():
    """A new one stands where it is written; one that is gone is told."""
    before = Workspace.load({"base.yaml": BASE, "events.yaml": EVENTS})
    more = before.change({"events.yaml": EVENTS.replace("  view:", "  new: {}\n  view:")})
    assert list(more.plan.events) == ["pay", "new", "view", "cart", "plain"]
    assert more.changed == {"new"}
    less = more.change({"events.yaml": EVENTS.replace("  plain: {}\n", "")})
    assert less.changed == {"new", "plain"}
    moved = before.change(
        {"a.yaml": HEAD + "events: {plain: {}}", "events.yaml": EVENTS.replace("  plain: {}\n", "")}
    )
    assert moved.changed == frozenset()
    assert moved.place("events", "plain").file == "a.yaml"
    assert before.change({"events.yaml": None, "new.yaml": HEAD}).plan.events == {}


def test_a_wrong_change_leaves_the_workspace_as_it_is():
    """All findings at once, among the events and between them."""
    before = Workspace.load({"base.yaml": BASE, "events.yaml": EVENTS})
    with pytest.raises(PlanError) as caught:
        before.change(
            {"base.yaml": BASE.replace("  basket:", "  baskets:").replace("number", "numbre")}
        )
    assert [(f.code, f.file, f.line) for f in caught.value.findings] == [
        ("unknown_type", "base.yaml", 4), ("unknown_group", "events.yaml", 11),
    ]  # fmt: skip
    with pytest.raises(PlanError) as caught:
        before.change({"events.yaml": EVENTS.replace("  pay:", "  paid:")})
    assert [(f.code, f.line) for f in caught.value.findings] == [("unknown_event", 14)]
    assert before.plan.events.keys() == {"pay", "view", "cart", "plain"}


def test_a_part_is_found_with_its_lines():
    """Without the comments that follow it; in flow too."""
    flow = HEAD + "events: {a: {}, b: {title: B,\n    grade: P1}}\n"
    workspace = Workspace.load({"base.yaml": BASE, "events.yaml": EVENTS, "flow.yaml": flow})
    assert workspace.place("events", "view") == ("events.yaml", 8, 9)
    assert workspace.text("events", "view") == "  view:\n    groups: [page]\n"
    assert workspace.place("metrics", "pays") == ("events.yaml", 14, 14)
    assert workspace.place("types", "price") == ("base.yaml", 5, 5)
    assert workspace.place("events", "b") == ("flow.yaml", 3, 4)
    assert workspace.place("events", "nope") is None


def test_warnings_follow_their_lines():
    """Places are those of the text as it is now."""
    text = HEAD + "events:\n  a: {deprecated: {replaced_by: bb}}\n  b: {}\n"
    before = Workspace.load({"p.yaml": text})
    assert [(w.code, w.line) for w in before.warnings] == [("unknown_event", 4)]
    after = before.change({"p.yaml": "# one\n# two\n" + text})
    assert [(w.code, w.line) for w in after.warnings] == [("unknown_event", 6)]
    mended = after.change({"p.yaml": text.replace("  b: {}", "  bb: {}")})
    assert mended.warnings == ()


ODD = [
    HEAD + "events:\n  a: &x {tags: [t]}\n  b: *x\n",
    HEAD + "events:\n  ? a\n  : {}\n  b: {}\n",
    HEAD + "events:\n  a: {}\n  b:\n    tags:\n    - x\n    - y\n",
    HEAD + 'events:\n    a: {}\n    b: {title: "two\n      lines"}\n',
    HEAD + "events:\n  a:\n    description: |\n      x: 1\n\n      b: 2\n\n  b: {}\n",
    "---\n" + HEAD + "events:\n  a: {}\n",
    "%YAML 1.2\n---\n" + HEAD + "events:\n  a: {}\n",
    '{"format": 1, "app": "shop", "events": {"a": {}}}',
    HEAD.replace("\n", "\r\n") + "events:\r\n  a:\r\n    title: x\r\n  b: {}\r\n",
    "\ufeff" + HEAD + "events:\n  a: {}\n",
    HEAD + 'events:\n  "a b": {}\n  \'c\': {}\n  订单: {}\n',
    HEAD + "events: # none\n\ntypes:\n  # nothing\n",
    HEAD + "events:\n# at the margin\n  a: {}\n# again\n  b: {}\n",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_a_text_that_is_cut_means_what_it_means_whole(text, monkeypatch):
    """Anchors, directives, flow, line ends, marks: the pieces together are the text."""
    assert "".join(text[p.start : p.end] for p in cut(text)) == text
    cut_up = Workspace.load({"p.yaml": text}).plan
    monkeypatch.setattr("trackplane.plan.source.cut", lambda whole: [WHOLE_PIECE(whole)])
    assert Workspace.load({"p.yaml": text}).plan == cut_up


def WHOLE_PIECE(text):  # noqa: N802 a constant of its text
    return cut("{}")[0]._replace(kind=WHOLE, start=0, end=len(text))


@given(st.text("ab\n", max_size=60), st.text("ab\n", max_size=60))
def test_common_ends_are_common_and_as_long_as_can_be(one, other):
    """They never overlap."""
    head, tail = common_ends(one, other)
    assert one[:head] == other[:head]
    assert one[len(one) - tail :] == other[len(other) - tail :]
    assert head + tail <= min(len(one), len(other))
    if head < min(len(one), len(other)):
        assert one[head] != other[head]


LINES = [
    "events:", "  a:", "  a: {}", "  b:", "  c: {groups: [g]}", "    title: T", "    what:", "      x: integer",
    "      y: t", "    tags:", "    - u", "# note", "  # note", "", "types:", "  t: string", "  t: integer",
    "groups:", "  g: {what: {z: t}}", "metrics:", "  m: {of: a, measure: count()}", "    description: |", "      free",
    "  d: &n {}", "  e: *n", '    title: "open', '      closed"', "app: shop", "format: 1", "\tx", "  'q': {}",
    "    bad", "  f: {title: [}", "events: {a: {}}", "   w: {}", "---",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(LINES), max_size=14).map(
    lambda lines: HEAD + "\n".join(lines) + "\n"
)


@settings(max_examples=200)
@given(TEXTS, st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.lists(st.sampled_from(LINES), max_size=3)), max_size=4))  # fmt: skip
def test_changing_is_the_same_as_reading_everything(text, edits):
    """Plan, warnings and findings alike, whatever lines are put in or taken out."""
    workspace = None
    for start, length, lines in [(0, 0, []), *edits]:
        parts = text.splitlines(keepends=True)
        parts[start : start + length] = [line + "\n" for line in lines]
        text = "".join(parts)
        whole = outcome(None, text)
        step = outcome(workspace, text)
        if isinstance(step, list):
            assert step == whole
            continue
        assert isinstance(whole, Workspace), whole
        assert step.plan == whole.plan
        assert list(step.plan.events) == list(whole.plan.events)
        assert step.warnings == whole.warnings
        for name in step.plan.events:
            assert step.place("events", name) == whole.place("events", name)
        if workspace is not None:
            old, new = workspace.plan.events, step.plan.events
            assert step.changed == {n for n in old.keys() | new.keys() if old.get(n) != new.get(n)}
        workspace = step


def outcome(before: Workspace | None, text: str) -> Workspace | list[str]:
    """Return what a text is read as, alone or as a change: a workspace, or the findings."""
    files = {"p.yaml": text}
    try:
        return Workspace.load(files) if before is None else before.change(files)
    except PlanError as error:
        return sorted(map(str, error.findings))


def many(count: int, per_file: int = 200) -> dict[str, str]:
    rng = random.Random(1)
    files = {"base.yaml": BASE}
    for start in range(0, count, per_file):
        files[f"events/{start}.yaml"] = (
            HEAD
            + "events:\n"
            + "".join(
                f"  event_{n}:\n    title: Event {n}\n    groups: [page]\n    what: {{total: price, "
                + ", ".join(f"p{k}: {{type: integer, max: {rng.randrange(9)}}}" for k in range(10))
                + "}\n"
                for n in range(start, min(start + per_file, count))
            )
        )
    return files


@pytest.mark.parametrize("one_file", [False, True])
def test_one_change_costs_one_change(one_file):
    """A change of 1 event of 4,000 is far below a load; so it is if all are in one file."""
    files = many(4_000)
    if one_file:
        events = "".join(text.partition("events:\n")[2] for text in files.values())
        files = {"plan.yaml": BASE + "events:\n" + events}
    path = list(files)[-1]
    started = time.process_time()
    workspace = Workspace.load(files)
    loaded = time.process_time() - started
    started = time.process_time()
    changed = workspace.change({path: re.sub("Event 3900\n", "Event once\n", files[path])})
    assert changed.changed == {"event_3900"}
    assert time.process_time() - started < loaded / 10


# -- libraries

LIBRARY = """\
format: 1
library: commerce
version: 3
types:
  money: {type: object, properties: {value: {type: number, min: 0, required: true}, currency: {enum: {SGD: Dollar}, type: string}}}
groups:
  basket: {what: {items: {type: array, items: {type: object, properties: {price: money}}}}}
"""


def library() -> dict[str, Library]:
    loaded = load_library(LIBRARY)
    return {loaded.id: loaded}


def test_a_library_lies_under_the_plans_own_types_and_groups():
    """Names are flat; the plan's own is a merge patch over the library's, also inside its groups."""
    text = (
        HEAD
        + """\
use: [commerce@3]
types: {money: {properties: {currency: {enum: [CNY]}, tax: number}}}
groups: {basket: {what: {coupon: string}}}
events:
  pay: {groups: [basket], what: {total: {type: money, required: true}}}
"""
    )
    plan = Workspace.load({"p.yaml": text}, library()).plan
    what = plan.events["pay"].properties["what"]
    price = what["items"].items.properties["price"]
    assert what["coupon"].type == ("string",)
    assert price.properties.keys() == {"value", "currency", "tax"}
    assert price.properties["value"].min == 0
    assert price.properties["currency"].enum == ("CNY",)
    assert plan.use == ("commerce@3",)
    assert plan.types["money"] == price
    assert plan.groups["basket"]["what"]["items"] == what["items"]


@pytest.mark.parametrize(
    ("use", "libraries", "message", "hint"),
    [
        ("commerce@4", library(), "there is no library commerce@4", "there are commerce@3"),
        ("comerce@3", library(), "there is no library comerce@3", "did you mean 'commerce'?"),
        ("commerce", library(), "'commerce' is no library and version", "there are commerce@3"),
        ("other@1", {}, "there is no library other@1", "publish it, or put its file beside the plan's"),
        ("commerce@3, commerce@3", library(), "the library 'commerce' is used twice", "pin one version"),
    ],
)  # fmt: skip
def test_a_library_that_cannot_be_used_is_told_with_those_that_are_there(
    use, libraries, message, hint
):
    """Vanished, misspelt, without a version, twice."""
    with pytest.raises(PlanError) as caught:
        Workspace.load({"p.yaml": HEAD + f"use: [{use}]\nevents: {{a: {{}}}}"}, libraries)
    (found,) = caught.value.findings
    assert found.code == "library"
    assert message in found.message
    assert found.line == 3
    assert found.hint == hint


def test_two_libraries_with_one_name_of_a_type_are_an_error():
    """Nobody could tell which is meant."""
    other = load_library(LIBRARY.replace("commerce", "trade"))
    with pytest.raises(PlanError) as caught:
        Workspace.load(
            {"p.yaml": HEAD + "use: [commerce@3, trade@3]\n"}, {**library(), other.id: other}
        )
    assert [f.message for f in caught.value.findings] == [
        "commerce@3 and trade@3 both have types 'money'",
        "commerce@3 and trade@3 both have groups 'basket'",
    ]


def test_a_pinned_version_changes_its_users_only():
    """A new version in `use` is read; a library that vanished is an error of the change."""
    text = (
        HEAD
        + "use: [commerce@3]\nevents:\n  pay: {what: {total: money}}\n  view: {what: {n: integer}}\n"
    )
    newer = load_library(LIBRARY.replace("version: 3", "version: 4").replace("min: 0", "min: 1"))
    before = Workspace.load({"p.yaml": text}, library())
    after = before.change({"p.yaml": text.replace("@3", "@4")}, {**library(), newer.id: newer})
    assert after.changed == {"pay"}
    with pytest.raises(PlanError):
        after.change({"p.yaml": text.replace("@3", "@4") + "  x: {}\n"}, library())


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("version: 3", "version: 1.5", "version", 3),
        ("version: 3", "version: 0", "version", 3),
        ("library: commerce", "library: com.merce", "name", 2),
        ("format: 1", "format: 2", "format", 1),
        ("type: number", "type: numbr", "unknown_type", 5),
        ("price: money", "price: monney", "unknown_type", 7),
        ("groups:", "events:\n  a: {}\ngroups:", "unknown_key", 7),
        ("types:", "owner: commerce\ntypes:", "owner", 4),
        ("types:", "title: 1.10\ntypes:", "unquoted", 4),
    ],
)
def test_a_wrong_library_is_told_with_its_place(old, new, code, line):
    """It must be right without any plan."""
    with pytest.raises(PlanError) as caught:
        load_library(LIBRARY.replace(old, new), file="lib.yaml")
    assert [(f.code, f.file, f.line) for f in caught.value.findings] == [(code, "lib.yaml", line)]


def test_a_folder_is_split_into_plan_and_libraries():
    """Files that say `library:` are libraries; two files with one are an error."""
    plans, libraries = split_libraries({"p.yaml": HEAD, "l.yaml": LIBRARY})
    assert plans == {"p.yaml": HEAD}
    assert libraries == library()
    with pytest.raises(PlanError) as caught:
        split_libraries({"a.yaml": LIBRARY, "b.yaml": LIBRARY, "c.yaml": LIBRARY.replace("3", "x")})
    assert sorted(f.code for f in caught.value.findings) == ["duplicate", "version"]
