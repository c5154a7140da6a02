"""Two people's changes of one plan made one, by parts; and conflicts, with both sides."""

from __future__ import annotations

import pytest
import yaml_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.plan import PlanError
from trackplane.plan.merge import Conflict, Merged, merge_files, side_by_side
from trackplane.plan.merge_lines import merge_lines

PLAN = """\
format: 1
app: shop
use: [a@1, b@1]
events:
  # the pay
  pay:
    title: Pay
    owner: team:pay   # why
    what:
      x: {type: integer, min: 0}
      y: string
  view:
    title: View
metrics:
  m: {of: pay, measure: count()}
"""


def merge(yours: str, theirs: str, base: str = PLAN):
    found = merge_files({"plan.yaml": base}, {"plan.yaml": yours}, {"plan.yaml": theirs})
    return found.files["plan.yaml"], found.conflicts


def changed(*pairs: tuple[str, str], text: str = PLAN) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_changes_of_different_parts_properties_and_keys_are_both_kept():
    """Also inside one property, and the libraries that either pins; every comment stays."""
    yours = changed(("title: Pay", "title: Paid"), ("min: 0", "min: 1"), ("a@1", "a@2"))
    theirs = changed(("team:pay", "team:money"), ("min: 0", "min: 0, max: 5"), ("b@1", "b@2, c@1"))
    text, conflicts = merge(yours, theirs)
    assert conflicts == ()
    assert text == changed(
        ("title: Pay", "title: Paid"),
        ("team:pay", "team:money"),
        ("min: 0", "min: 1, max: 5"),
        ("a@1, b@1", "a@2, b@2, c@1"),
    )


def test_lines_beside_one_another_are_no_conflict():
    """Where a merge by lines gives up: a property added by each, right after the other."""
    yours = changed(("y: string", "y: string\n      z: string"))
    theirs = changed(("y: string", "y: integer # hm"))
    assert merge_lines(PLAN, theirs, yours) is None
    text, conflicts = merge(yours, theirs)
    assert conflicts == ()
    assert "      y: integer # hm\n      z: string\n" in text


def test_what_both_changed_otherwise_is_a_conflict_at_its_key():
    """With what it was and what either made of it; the result has theirs there."""
    text, conflicts = merge(
        changed(("title: Pay", "title: Paid"), ("min: 0", "min: 1"), ("View", "Seen")),
        changed(("title: Pay", "title: Payed"), ("min: 0", "min: 2")),
    )
    assert {(c.section, c.name, c.path) for c in conflicts} == {
        ("events", "pay", "title"),
        ("events", "pay", "what.x.min"),
    }
    title = next(each for each in conflicts if each.path == "title")
    assert (title.base, title.yours, title.theirs) == (
        "title: Pay\n",
        "title: Paid\n",
        "title: Payed\n",
    )
    assert "title: Payed" in text
    assert "min: 2" in text
    assert "Seen" in text


@pytest.mark.parametrize(
    ("yours", "theirs", "expected"),
    [
        # taken away by one, changed by the other
        (PLAN.replace("  view:\n    title: View\n", ""), changed(("View", "Seen")), [("view", "")]),
        (changed(("View", "Seen")), PLAN.replace("  view:\n    title: View\n", ""), [("view", "")]),
        # taken away by both, or by one alone
        (PLAN.replace("      y: string\n", ""), PLAN.replace("      y: string\n", ""), []),
        (PLAN.replace("      y: string\n", ""), changed(("View", "Seen")), []),
        # added by both
        (changed(("  view:", "  new: {title: A}\n  view:")), changed(("  view:", "  new: {title: A}\n  view:")), []),
        (changed(("  view:", "  new: {title: A}\n  view:")), changed(("  view:", "  new: {owner: team:b}\n  view:")), []),
        (changed(("  view:", "  new: {title: A}\n  view:")), changed(("  view:", "  new: {title: B}\n  view:")), [("new", "title")]),
        # the same but for how it is written
        (changed(("View", "'View'")), changed(("View", "Seen")), []),
    ],
)  # fmt: skip
def test_removals_and_additions(yours, theirs, expected):
    """Each case a person would expect."""
    text, conflicts = merge(yours, theirs)
    assert [(each.name, each.path) for each in conflicts] == expected
    assert isinstance(yaml_rs.loads(text), dict)


def test_a_part_that_one_side_moved_takes_the_other_side_s_changes_along():
    """To another file, whoever moved it; nothing stands twice."""
    start, end = PLAN.index("  # the pay"), PLAN.index("  view:")
    moved = {"plan.yaml": PLAN[:start] + PLAN[end:], "pay.yaml": "events:\n" + PLAN[start:end]}
    edited = {"plan.yaml": changed(("min: 0", "min: 2"), ("title: Pay", "title: Payed"))}
    for yours, theirs in ((moved, edited), (edited, moved)):
        found = merge_files({"plan.yaml": PLAN}, yours, theirs)
        assert found.conflicts == ()
        assert found.files["plan.yaml"] == moved["plan.yaml"]
        assert found.files["pay.yaml"] == changed(
            ("min: 0", "min: 2"), ("title: Pay", "title: Payed"), text=moved["pay.yaml"]
        )


def test_a_part_that_one_side_moved_and_the_other_took_away_is_gone():
    """Where it was changed on its way as well, that is a conflict; theirs stands until it is settled."""
    start, end = PLAN.index("  # the pay"), PLAN.index("  view:")
    without = {"plan.yaml": PLAN[:start] + PLAN[end:]}
    moved = without | {"pay.yaml": "events:\n" + PLAN[start:end]}
    for yours, theirs in ((moved, without), (without, moved)):
        assert merge_files({"plan.yaml": PLAN}, yours, theirs) == Merged(files=without)
    moved |= {"pay.yaml": moved["pay.yaml"].replace("min: 0", "min: 2")}
    for yours, theirs in ((moved, without), (without, moved)):
        found = merge_files({"plan.yaml": PLAN}, yours, theirs)
        assert found.files == theirs
        (conflict,) = found.conflicts
        assert (conflict.section, conflict.name, conflict.path) == ("events", "pay", "")
        assert (conflict.yours is None, conflict.theirs is None) == (
            yours is without,
            theirs is without,
        )


def test_what_stands_above_a_file_s_first_key_is_merged():
    """A licence that one side changed is not lost because the other changed something else."""
    base = f"# Licence: old\n\n{PLAN}"
    yours, theirs = base.replace("old", "new"), base.replace("title: View", "title: Seen")
    for sides in ((yours, theirs), (theirs, yours)):
        text, conflicts = merge(*sides, base)
        assert (text, conflicts) == (theirs.replace("old", "new"), ())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format: 1\n", "%YAML 1.2\n---\nformat: 1\n"),
        ("measure: count()}\n", "measure: count()}\n...\n"),
        ("events:\n  # the pay\n  pay", "? events\n:\n  pay"),
    ],
)
def test_a_file_that_cannot_be_cut_loses_neither_side(old, new):
    """It is a conflict as a whole, not silently theirs."""
    base = changed((old, new))
    yours = base.replace("title: Pay", "title: Paid")
    theirs = base.replace("title: View", "title: Seen")
    text, conflicts = merge(yours, theirs, base)
    assert text == theirs
    assert [(each.section, each.yours) for each in conflicts] == [("", yours)]


def test_a_part_added_by_both_in_different_files_stands_once():
    """Alike it is kept once; otherwise it is a conflict."""
    base = {"a.yaml": "events:\n  x: {}\n", "b.yaml": "events:\n  y: {}\n"}
    yours = base | {"a.yaml": "events:\n  x: {}\n  n: {title: N}\n"}
    theirs = base | {"b.yaml": "events:\n  y: {}\n  n: {title: N}\n"}
    found = merge_files(base, yours, theirs)
    assert found.conflicts == ()
    assert sum("n: {title: N}" in text for text in found.files.values()) == 1
    other = theirs | {"b.yaml": "events:\n  y: {}\n  n: {title: M}\n"}
    (conflict,) = merge_files(base, yours, other).conflicts
    assert (conflict.section, conflict.name, conflict.path) == ("events", "n", "title")


def test_files_that_one_side_changed_are_taken_as_they_are():
    """Added, removed, changed: not one byte is looked at."""
    base = {"a.yaml": "events: {a: {}}", "b.yaml": "events: {b: {}}", "c.yaml": "events: {c: {}}"}
    yours = {
        "a.yaml": "events: {a: {title:  A}}   # mine",
        "b.yaml": base["b.yaml"],
        "c.yaml": base["c.yaml"],
    }
    theirs = {"a.yaml": base["a.yaml"], "c.yaml": base["c.yaml"], "d.yaml": "events: {d: {}}"}
    found = merge_files(base, yours, theirs)
    assert found.files == {
        "a.yaml": yours["a.yaml"],
        "c.yaml": base["c.yaml"],
        "d.yaml": "events: {d: {}}",
    }
    assert found.conflicts == ()


def test_comments_above_a_part_are_merged_too():
    """Those of one side, and of both where their lines are apart."""
    text, conflicts = merge(
        changed(("# the pay", "# the payment")), changed(("title: Pay", "title: P"))
    )
    assert conflicts == ()
    assert "  # the payment\n  pay:\n    title: P\n" in text
    _, conflicts = merge(changed(("# the pay", "# one")), changed(("# the pay", "# two")))
    assert [each.path for each in conflicts] == ["#"]


def test_a_whole_section_in_flow_style_is_merged_by_its_parts():
    """As is a file in which nothing stands on lines of its own."""
    base = "{format: 1, app: s, events: {a: {title: A}, b: {title: B}}}\n"
    text, conflicts = merge(
        base.replace("title: A", "title: AA"), base.replace("title: B", "title: BB"), base
    )
    assert conflicts == ()
    assert yaml_rs.loads(text)["events"] == {"a": {"title": "AA"}, "b": {"title": "BB"}}


def test_a_text_that_is_not_yaml_is_refused():
    """It cannot be told what it changed."""
    with pytest.raises(PlanError):
        merge("events: [\n", changed(("View", "Seen")))


def test_both_sides_are_shown_beside_one_another():
    """Lines that differ are marked; what is not there is said."""
    conflict = Conflict(
        section="events",
        name="pay",
        path="",
        base="pay:\n  a: 1\n",
        yours="pay:\n  a: 2\n  same: x\n",
        theirs=None,
    )
    shown = side_by_side(conflict, names=("here", "in force"))
    assert "events pay\n" in shown
    assert "(not there)" in shown
    assert all(len(line) <= 78 for line in shown.splitlines())
    assert "both were:\n  pay:\n    a: 1\n" in shown


def test_a_part_of_which_nothing_is_left_still_reads():
    """A comment between a key and its block goes with the block."""
    base = "format: 1\napp: s\nevents:\n  d:  # of d\n    a: 1\n    b: {c: 1}\n"
    yours, theirs = base.replace("    a: 1\n", ""), base.replace("    b: {c: 1}\n", "")
    for sides in ((yours, theirs), (theirs, yours)):
        text, conflicts = merge(*sides, base)
        assert not conflicts
        assert not yaml_rs.loads(text)["events"]["d"]


keys = st.sampled_from(["a", "b", "c", "d"])
values = st.one_of(st.integers(0, 2), st.dictionaries(keys, st.integers(0, 2), max_size=3))
plans = st.dictionaries(keys, st.dictionaries(keys, values, max_size=3), max_size=3)


@settings(max_examples=150)
@given(plans, plans, plans, st.booleans())
def test_a_merge_is_right_whatever_either_side_did(base, yours, theirs, flow):
    """Against a merge of the values: each side's changes are in it, and it does not mind the order."""
    texts = [_text(each, flow=flow) for each in (base, yours, theirs)]
    text, conflicts = merge(texts[1], texts[2], texts[0])
    expected = _merged(base, yours, theirs)
    got = yaml_rs.loads(text).get("events") or {}
    assert (not conflicts) == (_CONFLICT not in str(expected))
    if not conflicts:
        assert {name: part or {} for name, part in got.items()} == expected
    other, others = merge(texts[2], texts[1], texts[0])
    assert len(others) == len(conflicts)
    if not conflicts:
        assert (yaml_rs.loads(other).get("events") or {}) == got


_CONFLICT = "«conflict»"


def _merged(base, yours, theirs):
    if yours in (theirs, base):
        return theirs
    if theirs == base:
        return yours
    if isinstance(yours, dict) and isinstance(theirs, dict):
        held = base if isinstance(base, dict) else {}
        merged = {
            key: _merged(held.get(key), yours.get(key), theirs.get(key))
            for key in {*held, *yours, *theirs}
        }
        return {key: value for key, value in merged.items() if value is not None}
    return _CONFLICT


def _text(plan, *, flow: bool) -> str:
    lines = ["format: 1", "app: s", "events:" if plan else "events: {}"]
    for name, part in plan.items():
        if flow or not part:
            lines.append(f"  {name}: {part}".replace("'", ""))
            continue
        lines.append(f"  {name}:  # of {name}")
        for key, value in part.items():
            if isinstance(value, dict) and value:
                lines.append(f"    {key}:")
                lines += [f"      {inner}: {each}" for inner, each in value.items()]
            else:
                lines.append(f"    {key}: {value}")
    return "\n".join(lines) + "\n"
