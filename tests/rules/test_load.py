"""Rule and dataset files: what is read, and where a finding points."""

import pytest

from trackplane.rules.load import load_dataset, load_datasets, load_rule, load_rules
from trackplane.rules.source import RuleError

RULE = "rule: r\nto: d\nkeep: true\n"


def findings(text, load=load_rules):
    with pytest.raises(RuleError) as caught:
        load(text, file="f.yaml")
    return [(found.code, found.line, found.column) for found in caught.value.findings]


@pytest.mark.parametrize(
    "text",
    [
        f"{RULE}---\nrule: s\nto: d\nkeep: true\n",
        "rules:\n  - {rule: r, to: d, keep: true}\n  - {rule: s, to: d, keep: true}\n",
        "- {rule: r, to: d, keep: true}\n- {rule: s, to: d, keep: true}\n",
    ],
)
def test_a_file_holds_one_rule_or_many(text):
    """As documents, under `rules:`, or as a list."""
    assert [rule.name for rule in load_rules(text)] == ["r", "s"]


def test_an_empty_file_holds_no_rules():
    """And one rule is then an error."""
    assert load_rules("# nothing yet\n") == []
    assert findings("", load_rule) == [("shape", 1, 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RULE + "wher: x\n", [("unknown_key", 4, 1)]),
        (RULE + "window: {}\n", [("rule_action", 4, 1)]),
        ("to: d\nkeep: true\n", [("missing_key", 1, 1)]),
        ("rule: r\nkeep: true\n", [("missing_key", 1, 1)]),
        ("rule: Big Spender\nto: d\nkeep: true\n", [("name", 1, 7)]),
        (RULE + "keep: true\n", [("duplicate", 4, 1)]),
        (RULE + "select: id\n", [("shape", 4, 9)]),
        (RULE + "where: [a]\n", [("shape", 4, 8)]),
        (RULE + "tests: [{given: 1, expect: null}]\n", [("shape", 4, 9)]),
        (RULE + "tests: {}\n", [("shape", 4, 8)]),
        (RULE.replace("true", "yes"), [("shape", 3, 7)]),
        (f"{RULE}---\n{RULE}", [("duplicate", 5, 1)]),
        ("just a text\n", [("shape", 1, 1)]),
        ('rule: r\nwhere: "event == \n', [("yaml", 3, 1)]),
        ("rule: r\nselect: {id: id, us", [("yaml", 2, 20)]),
        ("rule: r\nwhere: a: b\n", [("yaml", 2, 9)]),
        ("rule: \x00\n", [("yaml", 1, 1)]),
        ("rule: r\nto: &a [*a]\n", [("yaml", 1, 1)]),
        ("- " * 100 + "x\n", [("yaml", 1, 1)]),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(text, expected):
    """Half-written files, unknown keys and shapes that do not fit."""
    assert findings(text) == expected


def test_repeated_aliases_cannot_blow_a_file_up():
    """A bomb of a few lines is refused quickly."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    assert findings("\n".join(lines)) == [("yaml", 1, 1)]


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ("where: id == foo", 1, 14),
        ('where: "id == foo"', 1, 15),
        ("where: 'id == foo'", 1, 15),
        ("where: |\n  id ==\n    foo\n", 3, 5),
        ("where: >-\n  id ==\n  foo\n", 3, 3),
        ("where: id ==\n  foo", 2, 3),
        ('where: "\\"雨\\" == foo"', 1, 18),
    ],
)
def test_places_inside_expressions_survive_yaml(written, line, column):
    """Plain, quoted, block and folded scalars, escapes and wide characters."""
    where = load_rule(f"{written}\n{RULE}").where
    finding = where.finding("c", "m", where.text.index("foo"), where.text.index("foo") + 3)
    assert (finding.line, finding.column) == (line, column)
    assert finding.input.split("\n")[1].strip() == "^^^"


def test_yaml_words_of_1_1_stay_texts():
    """`no` and `on` in a test's event are texts; numbers and null are not."""
    rule = load_rule(
        RULE + "tests: [{given: {what: {a: no, b: 1, c: 1.5, d: null, e: '1'}}, expect: null}]"
    )
    assert rule.tests[0].given == {"what": {"a": "no", "b": 1, "c": 1.5, "d": None, "e": "1"}}


def test_datasets_are_read_with_their_columns_in_order():
    """Kind table and grade P2 unless said."""
    text = "dataset: a.b\ncolumns: {z: string, a: int64}\n---\ndataset: c\nkind: topic\ngrade: P0\n"
    first, second = load_datasets(text)
    assert (first.name, first.kind, list(first.columns), first.grade) == (
        "a.b",
        "table",
        ["z", "a"],
        "P2",
    )
    assert (second.name, second.kind, second.columns, second.grade) == ("c", "topic", {}, "P0")
    with pytest.raises(RuleError):
        load_dataset(text)


def test_a_wrong_dataset_names_what_is_meant():
    """A plan's type instead of a column's."""
    with pytest.raises(RuleError) as caught:
        load_datasets("dataset: d\ncolumns: {n: integer, s: strin, 9x: string}\nkind: view\n")
    hints = [finding.hint for finding in caught.value.findings]
    assert hints[:2] == ["did you mean 'int64'?", "did you mean 'string'?"]
    assert [f.code for f in caught.value.findings] == ["type", "type", "name", "kind"]


def test_a_topic_has_options_and_a_table_has_none() -> None:
    """As docs/sinks.md writes a topic; a table has nothing to be told."""
    topic = "dataset: a\nkind: topic\noptions: {retention_days: 3}\n"
    assert load_datasets(topic)[0].options == {"retention_days": 3}
    with pytest.raises(RuleError, match="finding"):
        load_datasets(topic.replace("topic", "table"))
