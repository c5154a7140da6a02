"""The canonical form: what it looks like, that it means the same, and that it is a fixed point."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest
import yaml
import yaml_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.plan import PlanError, Workspace, fmt, load_library, load_plan

SHOP = (Path(__file__).parents[2] / "examples/shop/plan.yaml").read_text()
HEAD = "format: 1\napp: shop\n"


def test_keys_quotes_and_widths_are_put_in_order():
    """One text for all ways to write it."""
    before = """\
# the shop
metrics: {m: {measure: count(), of: pay}}
app: 'shop'

events:   # all
    pay:
        what: {total: {required: true, type: number}, note: {type: string}}
        title: "Paid"


        groups:
        - g
        description: "A long text that would not fit into one line, so that it is folded into several of them."
        variants: [{what: {total: {required: false}}, applies: {app_version: "<9.2"}}]
    NO: {}
groups: {g: {what: {x: {type: "string"}}}}
format: 1
"""
    made = """\
# the shop
format: 1
app: shop
groups:
  g:
    what:
      x: string

events:  # all
  pay:
    title: Paid
    description: >-
      A long text that would not fit into one line, so that it is folded into several of them.

    groups: [g]
    what:
      total: {type: number, required: true}
      note: string
    variants:
      - {applies: {app_version: <9.2}, what: {total: {required: false}}}
  NO: {}
metrics:
  m: {of: pay, measure: count()}
"""
    assert fmt(before) == made
    assert load_plan(made) == load_plan(before)
    assert fmt(made) == made


@pytest.mark.parametrize(
    "text",
    [
        "app: shop  # beside\n",
        "# above\napp: shop\n# between\nevents:\n  # first\n  a: {}\n  # after a\n\n  # of b\n  b: {}\n# end\n",
        "app: shop\nevents:\n  a:\n    # in a\n    what:\n      # above x\n      x: string  # of x\n      # after x\n    # end of a\n",
        "app: shop\nevents:\n  a: {what: {x: {type: string,  # why\n     max_length: 3}}}\n",
        "app: shop\nevents:\n  a:\n    tags:\n    - x  # of x\n    # above y\n    - y\n    # after\n",
        "app: shop\nevents:\n  a:\n    variants:\n    # first\n    - applies: {app: shop}  # if\n      # what then\n      what: {x: string}\n",
        "app: shop\nevents: # on\n  a: # of a\n    # deep\n    owner: team:x\n",
        "app: shop\nevents:\n  a: &x {tags: [b]} # kept\n  b: {}\n",
    ],
)  # fmt: skip
def test_every_comment_survives(text):
    """Above, beside, after, inside flow; where an anchor keeps a part as it is written too."""
    made = fmt("format: 1\n" + text)
    for comment in re.findall(r"#[^\n]*", text):
        assert made.count(comment.strip()) == text.count(comment.strip()), made
    assert fmt(made) == made
    assert load_plan(made) == load_plan("format: 1\n" + text)


def test_a_comment_moves_with_what_it_belongs_to():
    """Keys are put in order with the comments above and beside them."""
    made = fmt(HEAD + "events:\n  a:\n    # why\n    owner: team:x\n    title: T  # name\n")
    assert "    title: T  # name\n    # why\n    owner: team:x\n" in made


@pytest.mark.parametrize(
    "value",
    ["1.10", "null", "~", "true", "0x1F", "1e3", "'1.10'", '"true"', "'null'", '""', "'~'", "a: b",
     '"a: b"', '"# no"', '"- x"', "'it''s'", '"tab\\t"', '"line\\nline"', '" x"', "[a, 'b,c']", "{}", "[]",
     '"\\u00e9\\u4e2d"', "中文，文字", '"a\\\\b"', "'say \"x\"'", '"\\x07"', "2024-01-01", "'2024-01-01'", "-", "-x",
     "'@a'", "!!str 5", "? a", "<9.2", "'a #b'", "a#b", "1_000", "no", "'on'", "|\n    x\n    y", ">\n    x\n    y"],
)  # fmt: skip
def test_a_value_is_read_as_before(value):
    """Whatever it is quoted like: texts stay texts, numbers keep their spelling."""
    text = f"format: 1\napp: shop\nnote:\n  k: {value}\n"
    try:
        before = yaml_rs.loads(text, parse_datetime=False)
    except ValueError:
        pytest.skip("not YAML in this place")
    made = fmt(text)
    assert yaml_rs.loads(made, parse_datetime=False) == before
    assert fmt(made) == made
    if value == "1.10":
        assert "k: 1.10" in made


def test_a_library_and_other_texts_are_formatted_too():
    """A library has its own order; what is no YAML is refused with its place."""
    made = fmt("version: 3\nlibrary: l\nformat: 1\ntypes: {a: {type: string}}\n")
    assert made == "format: 1\nlibrary: l\nversion: 3\ntypes:\n  a: string\n"
    assert load_library(made).types == {"a": {"type": "string"}}
    with pytest.raises(PlanError) as caught:
        fmt("a: [", file="x.yaml")
    assert caught.value.findings[0].file == "x.yaml"


def test_the_example_is_formatted_without_a_change_of_meaning():
    """And a second time nothing changes."""
    made = fmt(SHOP)
    assert load_plan(made) == load_plan(SHOP)
    assert fmt(made) == made
    assert re.findall(r"#.*", made) == re.findall(r"#.*", SHOP)


def test_a_megabyte_takes_seconds_at_most():
    """Linear in the text."""
    part = SHOP.partition("events:\n")[2].partition("metrics:")[0]
    text = SHOP.partition("events:\n")[0] + "events:\n"
    number = 0
    while len(text) < 300_000:
        text += re.sub(r"^  (\w+):", rf"  \1_{number}:", part, flags=re.MULTILINE)
        number += 1
    started = time.process_time()
    fmt(text)
    assert time.process_time() - started < 5


NAMES = st.sampled_from(
    ["a", "b2", "order_pay", "NO", "on", "1x", "订单", "x y", "1.10", "null", "a'b"]
)
WORDS = st.one_of(
    st.sampled_from(["", "1.10", "true", "~", "a: b", "# c", "- d", "it's", "line\nline", "x" * 120, "w " * 70 + "end"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Co", "Cn")), max_size=20),
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, width=32),
    WORDS,
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(LEAVES, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=80, derandomize=True)
@given(
    st.dictionaries(NAMES, st.dictionaries(st.sampled_from(["title", "what", "x", "tags"]), TREES)),
    TREES,
    st.sampled_from([None, True, False]),
    st.integers(20, 120),
    st.integers(0, 10**9),
)
def test_any_text_means_the_same_afterwards_and_is_a_fixed_point(events, note, flow, width, seed):
    """Trees of all shapes, dumped in other styles, with comments wherever a line allows one."""
    tree = {"app": "shop", "events": events, "note": note}
    text = yaml.dump(
        tree, allow_unicode=True, default_flow_style=flow, width=width, sort_keys=False
    )
    text = with_comments(text, random.Random(seed))
    try:
        before = yaml_rs.loads(text, parse_datetime=False)
    except ValueError:
        return
    made = fmt(text)
    assert yaml_equal(yaml_rs.loads(made, parse_datetime=False), before)
    assert fmt(made) == made
    assert sorted(re.findall(r"#\d+#", made)) == sorted(re.findall(r"#\d+#", text))


def with_comments(text: str, rng: random.Random) -> str:
    lines = []
    for number, line in enumerate(text.splitlines()):
        if rng.random() < 0.2:
            lines.append(" " * rng.randrange(8) + f"# c #{number}#")
        if rng.random() < 0.1:
            lines.append("")
        lines.append(line + (f"  # d #{number}5#" if rng.random() < 0.15 else ""))
    made = "\n".join(lines) + "\n"
    try:
        same = yaml_rs.loads(made, parse_datetime=False) == yaml_rs.loads(
            text, parse_datetime=False
        )
    except ValueError:
        return text
    return made if same else text


def yaml_equal(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(yaml_equal(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(yaml_equal, one, other))
    return type(one) is type(other) and one == other


@settings(max_examples=25, derandomize=True)
@given(st.integers(0, 10**9))
def test_a_formatted_plan_is_the_same_plan(seed):
    """The shop's plan in random layouts: equal after loading, with its warnings."""
    rng = random.Random(seed)
    tree = yaml_rs.loads(SHOP, parse_datetime=False)
    tree["events"] = dict(rng.sample(list(tree["events"].items()), 4)) | {"order_refund": {}}
    tree.pop("metrics")
    keys = list(tree)
    rng.shuffle(keys)
    text = yaml.dump(
        {key: tree[key] for key in keys}, allow_unicode=True, sort_keys=False,
        default_flow_style=rng.choice([None, True, False]), width=rng.randrange(30, 130),
    )  # fmt: skip
    text = with_comments(text, rng)
    made = fmt(text)
    assert Workspace.load({"p.yaml": made}).plan == Workspace.load({"p.yaml": text}).plan
    assert fmt(made) == made
