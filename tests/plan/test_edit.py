"""One part of a plan's files read and changed; every other byte stays."""

from __future__ import annotations

import pytest
import yaml_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.demo.example import example_text
from trackplane.plan import PlanError, Workspace
from trackplane.plan.edit import (
    part_names,
    part_of,
    uses_of,
    with_part,
    with_use,
    with_value,
)
from trackplane.plan.parts import SECTIONS, blocks

PLAN = """\
# the plan
format: 1
app: shop
use: [commerce@3, base@1]  # pinned

events:
  # what is paid
  # by whom
  pay:
    title: Paid
    # inside
    what:
      x: {type: integer}   # why
      note: |
        events:
          not: an event
    # trailing, of pay

  # stands apart

  view: {title: View}
  "odd: name":
    title: Odd
metrics:
  paid: {of: pay, measure: count()}
# the end
"""


def test_a_part_is_read_with_its_comments_and_place():
    """The comments right above belong to it, those that stand apart do not."""
    place = part_of({"plan.yaml": PLAN}, "events", "pay")
    assert place is not None
    assert place.text.startswith("# what is paid\n# by whom\npay:\n  title: Paid\n")
    assert place.text.endswith("    not: an event\n  # trailing, of pay\n")
    assert (place.file, place.first, place.last) == ("plan.yaml", 7, 17)
    assert "apart" not in place.text
    odd = part_of({"plan.yaml": PLAN}, "events", "odd: name")
    assert odd is not None
    assert odd.text == '"odd: name":\n  title: Odd\n'
    assert part_of({"plan.yaml": PLAN}, "events", "not") is None


def test_a_part_that_is_put_back_changes_no_byte():
    """Every part of the example plan."""
    files = {"plan.yaml": example_text("plan.yaml")}
    count = 0
    for section in SECTIONS:
        for name in part_names(files["plan.yaml"], section):
            place = part_of(files, section, name)
            assert place is not None
            assert with_part(files, section, name, place.text) == files
            count += 1
    assert count >= 40


def test_only_the_lines_of_the_part_change():
    """Everything before and after it is byte for byte the same."""
    changed = with_part({"plan.yaml": PLAN}, "events", "pay", "pay: {title: New}\n")["plan.yaml"]
    start, end = PLAN.index("  # what is paid"), PLAN.index("\n  # stands apart")
    assert changed == PLAN[:start] + "  pay: {title: New}\n" + PLAN[end:]


def test_a_part_is_taken_away_with_its_comments_alone():
    """What stands apart stays."""
    changed = with_part({"plan.yaml": PLAN}, "events", "pay", None)["plan.yaml"]
    assert "what is paid" not in changed
    assert "# stands apart" in changed
    assert part_names(changed, "events") == ["view", "odd: name"]
    assert changed.endswith("# the end\n")


def test_a_new_part_comes_after_another_or_last_at_the_indent_of_its_section():
    """In the file that has the section, or in the one that is named."""
    text = "events:\n    a:\n        title: A\n    b: {}\n"
    after = with_part({"f.yaml": text}, "events", "c", "c:\n  title: C\n", after="a")["f.yaml"]
    assert after == "events:\n    a:\n        title: A\n    c:\n      title: C\n    b: {}\n"
    last = with_part({"f.yaml": text}, "events", "c", "c: {}\n")["f.yaml"]
    assert last == text + "    c: {}\n"
    files = {"plan.yaml": PLAN, "f.yaml": text}
    assert list(with_part(files, "types", "t", "t: string\n", file="new.yaml")) == ["new.yaml"]
    assert list(with_part(files, "metrics", "n", "n: {of: a, measure: count()}\n")) == ["plan.yaml"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app: x\nevents:\n", "app: x\nevents:\n  n: {}\n"),
        ("app: x\nevents: {}\n", "app: x\nevents:\n  n: {}\n"),
        ("app: x\n", "app: x\nevents:\n  n: {}\n"),
        ("app: x", "app: x\nevents:\n  n: {}\n"),
        ("", "events:\n  n: {}\n"),
        ("events: {a: {what: {x: string}}, b: {}}\n", "events:\n  a: {what: {x: string}}\n  b: {}\n  n: {}\n"),
        ("{app: x, events: {a: {}}}\n", "app: x\nevents:\n  a: {}\n  n: {}\n"),
        ("events:\r\n  a: {}\r\n", "events:\r\n  a: {}\r\n  n: {}\r\n"),
        ("events:\n  a: {}", "events:\n  a: {}\n  n: {}"),
        ("---\nevents:\n  a: {}\n", "---\nevents:\n  a: {}\n  n: {}\n"),
        ("events:\n  a: {}\n\n  b: {}\n", "events:\n  a: {}\n\n  b: {}\n\n  n: {}\n"),
    ],
)  # fmt: skip
def test_a_part_can_be_added_however_the_section_is_written(text, expected):
    """Empty, missing, in flow style, with other line ends, without a last one, spaced."""
    assert with_part({"f.yaml": text}, "events", "n", "n: {}\n")["f.yaml"] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("event", "a", "a: {}\n"), "no section"),
        (("events", "a", "a: [\n"), "not YAML"),
        (("events", "a", "b: {}\n"), "is of b, not of 'a'"),
        (("events", "a", "a: {}\nb: {}\n"), "is of a, b"),
        (("events", "a", "just a text"), "no name at all"),
        (("events", "gone", None), "have no 'gone'"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, message):
    """A section, a name, a text that is wrong; nothing to take away."""
    with pytest.raises(PlanError, match=message):
        with_part({"plan.yaml": PLAN}, *arguments)


def test_one_key_of_a_part_gets_another_value():
    """In block and in flow style, with the comments that are there."""
    block = with_value({"plan.yaml": PLAN}, "events", "pay", "expires", "2027-06-30")["plan.yaml"]
    assert "    # trailing, of pay\n    expires: 2027-06-30\n" in block
    again = with_value({"plan.yaml": block}, "events", "pay", "expires", "2028-01-01")["plan.yaml"]
    assert again == block.replace("2027-06-30", "2028-01-01")
    flow = with_value({"plan.yaml": PLAN}, "events", "view", "expires", "2027-06-30")["plan.yaml"]
    assert flow == PLAN.replace("{title: View}", "{title: View, expires: 2027-06-30}")


def test_libraries_are_read_and_pinned_anew():
    """Only the version changes, of that library only."""
    files = {"plan.yaml": PLAN, "events.yaml": "events: {}\n"}
    assert uses_of(files) == ["commerce@3", "base@1"]
    assert with_use(files, "commerce", 4) == {"plan.yaml": PLAN.replace("commerce@3", "commerce@4")}
    assert with_use(files, "merce", 4) == {}


names = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
comments = st.sampled_from(["", "# c\n", "\n", "# a\n\n# b\n", "  # deep\n"])


@settings(max_examples=60)
@given(
    st.lists(st.tuples(names, comments), min_size=1, max_size=8, unique_by=lambda p: p[0]),
    st.data(),
)
def test_edits_mean_what_they_say_whatever_stands_around(parts, data):
    """Taking one part away or replacing it leaves the others as they read."""
    body = "".join(
        "".join("  " + line + "\n" if line else "\n" for line in comment.splitlines())
        + f"  {name}:\n    title: {name} title\n"
        for name, comment in parts
    )
    text = "format: 1\napp: shop\nevents:\n" + body
    name = data.draw(st.sampled_from([name for name, _ in parts]))
    before = yaml_rs.loads(text)["events"]
    removed = yaml_rs.loads(with_part({"f": text}, "events", name, None)["f"]).get("events") or {}
    assert removed == {key: value for key, value in before.items() if key != name}
    replaced = yaml_rs.loads(with_part({"f": text}, "events", name, f"{name}: {{title: T}}\n")["f"])
    assert replaced["events"] == before | {name: {"title": "T"}}
    assert list(replaced["events"]) == list(before)


def test_a_text_that_is_no_mapping_of_blocks_is_not_taken_for_one():
    """Flow style, lists, and quoted texts that run to the left of their key."""
    for text in ("{a: 1}\n", "- a\n", 'a: "x\nb: y"\nc\n', "just text\n", ""):
        assert blocks(text) is None
    found = blocks("a:\n- 1\n- 2\nb:\n  c: 1\n")
    assert [each.key for each in found or ()] == ["a", "b"]


def test_a_part_edited_in_a_workspace_reads_as_it_was_meant():
    """The files that come back are what ``Workspace.change`` takes."""
    workspace = Workspace.load({"plan.yaml": example_text("plan.yaml")})
    changed = with_part(workspace.files, "events", "brand_new", "brand_new: {title: New}\n")
    assert "brand_new" in workspace.change(changed).plan.events
