"""What differs between two plans, and its class: down to each property, variant, check and metric."""

from __future__ import annotations

import random

import msgspec
import pytest

from trackplane.plan import Workspace, compile_validator, load_plan
from trackplane.plan.changes import GRAVITY, Change, Difference, PartChange
from trackplane.plan.diff import changed_names, difference
from trackplane.plan.diff_text import to_markdown, to_text

BASE = "{type: integer, min: 1, max: 5, nullable: true}"
GROUPS = (
    "groups: {page: {where: {page: {type: string, required: true}}}, ids: {what: {sku: string}}}"
)


def plan(events: str, *, rest: str = ""):
    return load_plan(f"format: 1\napp: shop\n{rest}\nevents: {events}\n")


def told(before: str, after: str, *, rest: str = "", rest_after: str | None = None) -> Difference:
    return difference(
        plan(before, rest=rest), plan(after, rest=rest if rest_after is None else rest_after)
    )


def only(found: Difference) -> PartChange:
    (part,) = found.parts
    return part


def kinds(part: PartChange) -> set[tuple[str, str, str, str]]:
    return {(c.kind, c.path, c.field, c.compatibility) for c in part.changes}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("{a: {}}", "{a: {}, b: {}}", [("b", "added", "additive")]),
        ("{a: {}, b: {}}", "{a: {}}", [("b", "removed", "breaking")]),
        ("{a: {}}", "{a: {title: A}}", [("a", "changed", "neutral")]),
        ("{a: {}}", "{a: {owner: team:pay}}", [("a", "changed", "neutral")]),
        ("{a: {}}", "{a: {removed: true}}", [("a", "changed", "breaking")]),
        ("{a: {removed: true}}", "{a: {}}", [("a", "changed", "additive")]),
        ("{a: {grade: P1}}", "{a: {grade: P0}}", [("a", "changed", "additive")]),
        ("{a: {grade: P1}}", "{a: {grade: P3}}", [("a", "changed", "narrowing")]),
        ("{a: {}}", "{a: {platforms: [ios]}}", [("a", "changed", "narrowing")]),
        ("{a: {platforms: [ios]}}", "{a: {}}", [("a", "changed", "additive")]),
        ("{a: {platforms: [ios]}}", "{a: {platforms: [ios, web]}}", [("a", "changed", "additive")]),
        ("{a: {platforms: [ios, web]}}", "{a: {platforms: [ios]}}", [("a", "changed", "narrowing")]),
        ("{a: {platforms: [ios, web]}}", "{a: {platforms: [web, ios]}}", [("a", "changed", "neutral")]),
        ("{a: {}}", "{a: {expires: 2027-01-01}}", [("a", "changed", "narrowing")]),
        ("{a: {expires: 2027-01-01}}", "{a: {expires: 2028-01-01}}", [("a", "changed", "additive")]),
        ("{a: {}}", "{a: {deprecated: true}}", [("a", "changed", "neutral")]),
        ("{a: {}}", "{a: {deprecated: {until: 2027-01-01}}}", [("a", "changed", "narrowing")]),
        ("{a: {}}", "{a: {what: {x: string}}}", [("a", "changed", "additive")]),
        ("{a: {}}", "{a: {what: {x: {type: string, required: true}}}}", [("a", "changed", "narrowing")]),
        ("{a: {what: {x: string}}}", "{a: {}}", [("a", "changed", "breaking")]),
        ("{a: {}}", "{a: {checks: [{name: c, that: what.x > 1}], what: {x: integer}}}", [("a", "changed", "narrowing")]),
        ("{a: {}}", "{a: {}}", []),
    ],
)  # fmt: skip
def test_events_added_changed_and_removed_are_classified(before, after, expected):
    """At the level of events, their metadata and whole properties."""
    found = told(before, after)
    assert [(p.name, p.kind, p.compatibility) for p in found.parts] == expected
    assert found.compatibility == (expected[0][2] if expected else "same")
    assert all(change.message for part in found.parts for change in part.changes)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (BASE, "{type: integer, min: 0, max: 6, nullable: true}", "additive"),
        (BASE, "{type: integer, nullable: true}", "additive"),
        (BASE, "{type: integer, min: 2, max: 5, nullable: true}", "narrowing"),
        (BASE, "{type: integer, min: 1, max: 4, nullable: true}", "narrowing"),
        (BASE, "{type: integer, min: 1, max: 5}", "narrowing"),
        (BASE, "{type: integer, min: 1, max: 5, nullable: true, required: true}", "narrowing"),
        (BASE, "{type: number, min: 1, max: 5, nullable: true}", "breaking"),
        (BASE, "{type: integer, min: 1, max: 5, nullable: true, description: D}", "neutral"),
        ("{type: [string, integer]}", "{type: string}", "narrowing"),
        ("{type: string}", "{type: [string, integer]}", "breaking"),
        ("{type: string, enum: [a]}", "{type: string, enum: [a, b]}", "additive"),
        ("{type: string, enum: [a, b]}", "{type: string, enum: [a]}", "narrowing"),
        ("{type: string, enum: [a, b]}", "{type: string, enum: [a, c]}", "narrowing"),
        ("{type: string, enum: [a, b]}", "{type: string, enum: [b, a]}", "neutral"),
        ("{type: string, enum: [a]}", "{type: string, enum: {a: label}}", "neutral"),
        ("{type: string, enum: [a]}", "{type: string}", "additive"),
        ("{type: string}", "{type: string, enum: [a]}", "narrowing"),
        ("{type: string, pattern: a}", "{type: string, pattern: b}", "narrowing"),
        ("{type: string, pattern: a}", "{type: string}", "additive"),
        ("{type: string, max_length: 5}", "{type: string, max_length: 4}", "narrowing"),
        ("{type: object}", "{type: object, additional: false}", "narrowing"),
        ("{type: object, additional: false}", "{type: object}", "additive"),
        ("{type: array, items: string}", "{type: array, items: integer}", "breaking"),
        ("{type: array}", "{type: array, items: string}", "narrowing"),
        ("{type: map, values: string}", "{type: map}", "breaking"),
        ("{type: object, properties: {y: string}}", "{type: object, properties: {}}", "breaking"),
        ("{type: object, properties: {y: string}}", "{type: object, properties: {y: {type: string, max_length: 1}}}", "narrowing"),
        ("{type: string}", "{type: string, pii: email, purpose: [fraud]}", "neutral"),
    ],
)  # fmt: skip
def test_changes_of_a_property_are_classified(old, new, expected):
    """Each constraint tighter, looser, other."""
    part = only(told(f"{{a: {{what: {{x: {old}}}}}}}", f"{{a: {{what: {{x: {new}}}}}}}"))
    assert part.compatibility == expected
    assert part.changes[0].compatibility == expected  # the gravest first


def test_a_property_that_changed_in_several_ways_tells_each():
    """Not the gravest alone: each key has its own class, and what it was and is."""
    part = only(
        told(
            "{a: {what: {x: {type: string, enum: [a, b], max_length: 9, title: X}}}}",
            "{a: {what: {x: {type: string, enum: [a, c], max_length: 10, title: Y}}}}",
        )
    )
    assert kinds(part) == {
        ("narrowed", "what.x", "enum", "narrowing"),
        ("widened", "what.x", "enum", "additive"),
        ("widened", "what.x", "max_length", "additive"),
        ("changed", "what.x", "title", "neutral"),
    }
    title = next(change for change in part.changes if change.field == "title")
    assert (title.before, title.after) == ("X", "Y")


def test_a_renamed_property_is_found_by_likeness_and_is_breaking():
    """With how sure it is; what changed of it besides is told under its new name."""
    part = only(
        told(
            "{a: {what: {coupon_code: {type: string, title: Coupon}, n: integer}}}",
            "{a: {what: {couponCode: {type: string, title: Coupon, required: true}, n: integer}}}",
        )
    )
    renamed = part.changes[0]
    assert (renamed.kind, renamed.was, renamed.path) == (
        "renamed",
        "what.coupon_code",
        "what.couponCode",
    )
    assert renamed.compatibility == "breaking"
    assert 0.6 <= (renamed.confidence or 0) < 1
    assert ("narrowed", "what.couponCode", "required", "narrowing") in kinds(part)


@pytest.mark.parametrize(
    ("old", "new"),
    [("{coupon: string}", "{amount: string}"), ("{coupon: string}", "{couponed: boolean}")],
)
def test_what_is_not_alike_is_gone_and_new(old, new):
    """Another name, or another type: no guess is made."""
    part = only(told(f"{{a: {{what: {old}}}}}", f"{{a: {{what: {new}}}}}"))
    assert {change.kind for change in part.changes} == {"removed", "added"}
    assert part.compatibility == "breaking"


def test_a_renamed_event_is_found_and_its_metric_is_affected():
    """By its properties, title and the words of its name; never a claim of safety."""
    what = "what: {order_id: string, total: number}, title: Order paid"
    found = told(
        f"{{order_pay: {{{what}}}, other: {{}}}}", f"{{order_payment: {{{what}}}, other: {{}}}}"
    )
    part = only(found)
    assert (part.kind, part.name, part.was) == ("renamed", "order_payment", "order_pay")
    assert part.compatibility == found.compatibility == "breaking"
    assert (part.confidence or 0) > 0.8


def test_each_thing_that_came_was_one_thing_only():
    """Two like candidates make one rename and one removal."""
    part = only(
        told(
            "{a: {what: {user_name: string, username: string}}}", "{a: {what: {userName: string}}}"
        )
    )
    assert sorted(change.kind for change in part.changes) == ["removed", "renamed"]


def test_a_property_that_moved_to_a_group_changes_nothing_else():
    """The event takes the group; the property is the same, and said to come by it now."""
    part = only(
        told(
            "{a: {where: {page: {type: string, required: true}}}}",
            "{a: {groups: [page]}}",
            rest=GROUPS,
        )
    )
    assert part.compatibility == "neutral"
    (moved,) = [change for change in part.changes if change.kind == "moved"]
    assert (moved.path, moved.group) == ("where.page", "page")
    back = only(
        told(
            "{a: {groups: [page]}}",
            "{a: {where: {page: {type: string, required: true}}}}",
            rest=GROUPS,
        )
    )
    assert {change.kind for change in back.changes} == {"removed", "moved"}


def test_a_changed_type_shows_in_itself_and_in_what_uses_it():
    """The type is told once, each event for what it means there."""
    found = told(
        "{a: {what: {t: money}}, b: {}}",
        "{a: {what: {t: money}}, b: {}}",
        rest="types: {money: {type: object, properties: {v: number}}}",
        rest_after="types: {money: {type: object, properties: {v: {type: number, min: 0}}}}",
    )
    assert [(p.section, p.name, p.compatibility) for p in found.parts] == [
        ("types", "money", "narrowing"),
        ("events", "a", "narrowing"),
    ]


def test_an_unused_type_breaks_nobody():
    """What is gone and was used nowhere does not make the whole breaking."""
    found = told("{a: {}}", "{a: {}}", rest="types: {t: string}", rest_after="")
    assert only(found).compatibility == "breaking"
    assert found.compatibility == "neutral"


# --- variants


VARIANT = "{a: {what: {x: {type: integer, max: 9}}, variants: [%s]}}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{applies: {platform: ios}, what: {x: {max: 5}}}", "{applies: {platform: ios}, what: {x: {max: 6}}}", "additive"),
        ("{applies: {platform: ios}, what: {x: {max: 5}}}", "{applies: {platform: ios}, what: {x: {max: 4}}}", "narrowing"),
        ("{applies: {platform: ios}, what: {x: {max: 5}}}", "", "additive"),
        ("", "{applies: {platform: ios}, what: {x: {max: 5}}}", "narrowing"),
        ("", "{applies: {platform: ios}, what: {y: string}}", "additive"),
        ("", "{applies: {platform: ios}, what: {x: null}}", "breaking"),
        ("{applies: {platform: ios}, what: {x: {max: 5}}}", "{applies: {platform: web}, what: {x: {max: 5}}}", "narrowing"),
        ("{applies: {platform: ios}, what: {x: {max: 5}}}", "{applies: {platform: [ios]}, what: {x: {max: 5}}}", None),
        (
            "{applies: {platform: ios}, what: {x: {max: 5}}}, {applies: {app_version: <2}, what: {x: {max: 6}}}",
            "{applies: {app_version: <2}, what: {x: {max: 6}}}, {applies: {platform: ios}, what: {x: {max: 5}}}",
            "narrowing",  # where both apply, the later one wins
        ),
        (
            "{applies: {platform: ios}, what: {x: {max: 5}}}, {applies: {app_version: <2}, what: {y: string}}",
            "{applies: {app_version: <2}, what: {y: string}}, {applies: {platform: ios}, what: {x: {max: 5}}}",
            "neutral",  # the order of what does not touch means nothing
        ),
    ],
)  # fmt: skip
def test_changed_variants_are_classified_by_what_they_say(old, new, expected):
    """Not narrowing without a look: where each holds, alone and with another."""
    found = told(VARIANT % old, VARIANT % new)
    assert (found.parts[0].compatibility if found.parts else None) == expected


def test_a_change_of_the_event_is_not_said_again_for_each_variant():
    """Only what differs under the variant beside what differs anyway."""
    part = only(
        told(
            "{a: {what: {x: {type: integer, max: 9}}, variants: [{applies: {platform: ios}, what: {y: string}}]}}",
            "{a: {what: {x: {type: integer, max: 8}}, variants: [{applies: {platform: ios}, what: {y: {type: string, required: true}}}]}}",
        )
    )
    assert [(c.path, c.applies) for c in part.changes] == [
        ("what.x", None),
        ("what.y", "platform is ios"),
    ]


# --- checks and metrics


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{name: c, that: what.x > 1}", "", "additive"),
        ("{name: c, that: what.x > 1}", "{name: c, that: what.x > 2}", "narrowing"),
        ("{name: c, that: what.x > 1}", "{name: c, that: what.x > 1, severity: warning}", "additive"),
        ("{name: c, that: what.x > 1, severity: warning}", "{name: c, that: what.x > 1}", "narrowing"),
        ("{name: c, that: what.x > 1}", "{name: c, that: what.x > 1, message: M}", "neutral"),
        ("", "{name: c, that: what.x > 1, severity: warning}", "additive"),
    ],
)  # fmt: skip
def test_checks_are_classified(old, new, expected):
    """A new one refuses events; a warning refuses none."""
    text = "{a: {what: {x: integer}, checks: [%s]}}"
    assert only(told(text % old, text % new)).compatibility == expected


METRIC = "metrics: {m: {of: a, measure: sum(what.x), %s}}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("unit: SGD", "unit: USD", "breaking"),
        ("unit: SGD", "unit: SGD, where: what.x > 1", "breaking"),
        ("title: M", "title: N", "neutral"),
    ],
)
def test_another_meaning_of_a_metric_is_breaking(old, new, expected):
    """Its figures are not what they were; its title may change."""
    events = "{a: {what: {x: integer}}}"
    found = told(events, events, rest=METRIC % old, rest_after=METRIC % new)
    assert (only(found).section, only(found).compatibility) == ("metrics", expected)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("{a: {what: {x: {type: integer, min: 0}, y: integer}}}", "narrowing"),  # it reads x
        ("{a: {what: {x: number, y: integer}}}", "breaking"),
        (
            "{a: {what: {x: integer, y: {type: integer, max: 3}}}}",
            "narrowing",
        ),  # fewer events count
        ("{a: {what: {y: integer}}}", "breaking"),
        ("{a: {what: {x: integer, y: integer, z: string}}}", None),  # nothing it reads
        ("{a: {title: T, what: {x: {type: integer, title: X}, y: integer}}}", None),
    ],
)
def test_a_change_that_alters_a_metric_says_so(after, expected):
    """Its own text is the same, what it measures is not."""
    rest = METRIC % "where: 'what.x > 0'"
    found = told("{a: {what: {x: integer, y: integer}}}", after, rest=rest)
    affected = [part for part in found.parts if part.kind == "affected"]
    assert [part.compatibility for part in affected] == ([expected] if expected else [])


# --- as a whole


def test_the_parts_and_the_whole_are_counted_and_travel():
    """Serialisable, and the same after the way."""
    found = told(
        "{a: {what: {x: string}}, b: {}, gone: {}}",
        "{a: {what: {x: integer}}, b: {title: B}, c: {}}",
    )
    assert found.compatibility == "breaking"
    assert (found.counts.added, found.counts.changed, found.counts.removed) == (1, 2, 1)
    assert (found.counts.breaking, found.counts.neutral, found.counts.additive) == (2, 1, 1)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Difference) == found
    short = found.limited(1)
    assert len(short.parts) == 1
    assert short.parts[0].compatibility == "breaking"
    assert short.counts == found.counts


def test_the_texts_tell_every_part_and_never_break_out_of_a_comment():
    """A terminal's lines, and Markdown in which a name cannot make a mention or a cell."""
    found = told(
        "{a: {what: {x: string}, title: 'see @team | <b>'}}",
        "{a: {what: {y: integer}, title: '`|`'}}",
    )
    text, markdown = to_text(found), to_markdown(found)
    for part in found.parts:
        assert part.name in text
        assert part.name in markdown
    assert "<b>" not in markdown
    assert "| [" not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}
    assert "nothing differs" in to_text(told("{a: {}}", "{a: {}}"))


def test_a_change_called_additive_refuses_no_event_that_was_valid():
    """Against the validator: random shapes, random values."""
    rng = random.Random(7)
    shapes = [
        "{type: integer}", "{type: integer, min: 2}", "{type: integer, max: 5}", "{type: string}",
        "{type: string, enum: [a, b]}", "{type: string, enum: [a]}", "{type: string, max_length: 1}",
        "{type: [string, integer]}", "{type: integer, nullable: true}", "{type: integer, required: true}",
        "{type: array, items: integer}", "{type: array}", "{type: number}", "{type: string, pattern: '[ab]'}",
    ]  # fmt: skip
    values = [1, 3, 9, 2.5, "a", "b", "ab", None, [1], ["a"], True]
    checked = 0
    for _ in range(500):
        old, new = rng.choice(shapes), rng.choice(shapes)
        before, after = (
            plan(f"{{a: {{what: {{x: {old}}}}}}}"),
            plan(f"{{a: {{what: {{x: {new}}}}}}}"),
        )
        found = difference(before, after)
        if GRAVITY.index(found.compatibility) > GRAVITY.index("additive"):
            continue
        accepts, still = (compile_validator(each.events["a"]) for each in (before, after))
        for what in ({"x": value} for value in values):
            event = {"event": "a", "what": what}
            if not _refused(accepts, event):
                checked += 1
                assert not _refused(still, event), (old, new, what)
    assert checked > 100


def _refused(validator, event) -> bool:
    return any(violation.severity == "error" for violation in validator(event))


class _Unread:
    """A thing that nobody may compare."""

    __hash__ = None

    def __eq__(self, other):
        raise AssertionError("looked at")


def test_what_is_one_object_is_not_looked_at():
    """A change of one file shares all other events, and a difference leaves those alone."""
    shared = {f"e{n}": _Unread() for n in range(100)}
    assert changed_names({**shared, "old": 1, "x": 1}, {**shared, "new": 1, "x": 2}) == [
        "new",
        "old",
        "x",
    ]
    head = "format: 1\napp: shop\n"
    files = {
        f"{number}.yaml": "events:\n"
        + "".join(f"  e{number}_{n}: {{what: {{x: integer, y: string}}}}\n" for n in range(200))
        for number in range(5)
    }
    before = Workspace.load({"plan.yaml": head, **files})
    after = before.change({"3.yaml": files["3.yaml"].replace("x: integer", "x: number", 1)})
    assert only(difference(before.plan, after.plan)).name == "e3_0"
    events = before.plan.events
    assert [name for name, spec in after.plan.events.items() if spec is not events[name]] == [
        "e3_0"
    ]


def test_changes_know_their_paths():
    """A change of the event itself has no path, of a nested property its whole path."""
    part = only(
        told(
            "{a: {title: A, what: {o: {type: object, properties: {l: {type: array, items: integer}}}}}}",
            "{a: {title: B, what: {o: {type: object, properties: {l: {type: array, items: {type: integer, min: 1}}}}}}}",
        )
    )
    paths = {(change.path, change.field) for change in part.changes}
    assert paths == {("", "title"), ("what.o.l[]", "min")}
    assert isinstance(part.changes[0], Change)


def test_where_many_are_alike_no_rename_is_guessed():
    """A hundred events of one shape and title that went and came tell nothing of one another."""
    one = "{{{}}}".format(
        ", ".join(f"a{n}: {{title: T, what: {{x: string, y: string}}}}" for n in range(100))
    )
    found = told(one, one.replace("a", "b").replace("whbt", "what"))
    assert (found.counts.added, found.counts.removed, found.counts.renamed) == (100, 100, 0)
