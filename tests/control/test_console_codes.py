"""The console has Chinese for what the server says: a headline for every code, and whole sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import msgspec

from trackplane.control.insight.event_page import _notes as event_notes
from trackplane.control.insight.impact import _notes as impact_notes
from trackplane.control.insight.insight_wire import Replayed, Seen, Trust
from trackplane.control.insight.observations import DAY_MS
from trackplane.control.insight.trust import EventFacts, event_trust, metric_trust
from trackplane.lake.event_figures import EventFigures
from trackplane.plan import CODES, EventSpec
from trackplane.plan.lint_rules import RULES
from trackplane.plan.model import Metric

ROOT = Path(__file__).parents[2]
PACKAGES = ("admission", "assist", "control", "engine", "plan", "rules", "scripts")
CODE = re.compile(
    r'code="([a-z_.]+)"|\b(?:report|self)\.add\(\s*"([a-z_.]+)"|^    code = "([a-z_.]+)"'
    r'|Finding\(\s*"([a-z_.]+)"|\bfinding\(\s*"([a-z_.]+)"|_find\([^"()]*"((?!from")[a-z_.]+)"',
    re.MULTILINE,
)


def test_every_code_in_the_source_has_a_chinese_headline_and_no_other() -> None:
    """A new code without one fails here, and so does a headline that nothing needs."""
    source = ROOT / "src" / "trackplane"
    files = [path for package in PACKAGES for path in (source / package).rglob("*.py")]
    text = "\n".join(
        path.read_text() for path in (*files, source / "errors.py", source / "lake" / "query.py")
    )
    given = {next(filter(None, found)) for found in CODE.findall(text)} | {*RULES, *CODES}
    catalogue = (ROOT / "console" / "src" / "i18n" / "codes.zh.ts").read_text()
    known = set(re.findall(r'^  "?([a-z_.0-9]+)"?: ".*[\u4e00-\u9fff]', catalogue, re.MULTILINE))
    assert given - known == set()
    unused = {code for code in known if f'"{code}"' not in text} - given
    assert unused == set()


SENTENCE = re.compile(r'^  \[/(\^.+\$)/, "(.*[\u4e00-\u9fff].*)"\],$', re.MULTILINE)
WRITTEN = {  # what the source says, and how it comes out
    "no approved change request has it": "no approved change request has it",
    "no approved change request has it, others of the app have one": "",
    "the app's plan is not reviewed yet": "",
    "approved in change request {merged.id}": "approved in change request 7",
    "it changed in version {version}": "it changed in version 2",
    "{call.actor.person} rejected the change request": "ann lee rejected the change request",
    "who gave it may not approve this any more": "",
    "rebased from revision {sides.base_revision} to {sides.revision}": "rebased from revision 1 to 2",
}


def test_every_sentence_that_the_pages_show_is_in_chinese_and_no_other() -> None:
    """Why an event or metric is trusted, notes of pages and impact, why approvals fell."""
    source = "".join(p.read_text() for p in (ROOT / "src/trackplane/control").rglob("*.py"))
    assert [text for text in WRITTEN if f'"{text}"' not in source] == []
    sentences = {example or text for text, example in WRITTEN.items()}
    sentences |= set(_trusting()) | set(_noting())
    catalogue = (ROOT / "console" / "src" / "i18n" / "sentences.zh.ts").read_text()
    patterns = {re.compile(found[0]) for found in SENTENCE.findall(catalogue)}
    assert {text for text in sentences if not any(p.match(text) for p in patterns)} == set()
    unused = {p.pattern for p in patterns if not any(p.match(text) for text in sentences)}
    assert unused == set()


def _trusting() -> Iterator[str]:
    """Say all that a trust badge can say."""
    now = 1_800_000_000_000
    text = {"title": "t", "description": "d", "trigger": "g"}
    badges: list[Trust] = []
    for lacks in product((False, True), repeat=4):
        words = {name: "" if gone else text[name] for name, gone in zip(text, lacks, strict=False)}
        spec = EventSpec(event="pay", app="shop", owner=None if lacks[3] else "team:pay", **words)
        for last, share, before, users in product(
            (None, now - 1, now - 9 * DAY_MS), (None, 0.5, 1.0), (0, 9), (0, 3)
        ):
            facts = EventFacts(
                now=now,
                last_at=last,
                first_at=now - 90 * DAY_MS,
                valid_share=share,
                week=10,
                week_before=before,
                consumers=users,
                reviewed=None,
            )
            badges.append(event_trust(spec, facts))
    levels = {badge.level: badge for badge in badges}
    assert len(levels) == 4
    for badge, unit, title, findings, value, users in product(
        levels.values(), (None, "CNY"), ("", "t"), (0, 2), (None, True, False), (0, 3)
    ):
        metric = Metric(
            name="m", of="pay", measure="count()", unit=unit, title=title, description="d"
        )
        badges.append(
            metric_trust(metric, badge, findings=findings, has_value=value, consumers=users)
        )
    return (each.why for badge in badges for each in badge.criteria)


def _noting() -> Iterator[str]:
    """Say all that the notes of an event's page and of an impact can say."""
    seen = Seen(
        platform="web", version="", env="", seen=1, violations=0, dirty=0, first_at=0, last_at=0
    )
    spec = EventSpec(event="pay", app="shop", platforms=("ios",))
    yield from event_notes(spec, EventFigures(cut=True), [seen])
    many = [str(number) for number in range(100_000)]
    for mode in ("warn", "off"):
        replayed = msgspec.convert(
            dict.fromkeys(Replayed.__struct_fields__, 1)
            | {"cut": True, "mode": mode, "share": 1.0}
            | dict.fromkeys(("segments", "failing", "passing", "samples"), ()),
            Replayed,
        )
        yield from impact_notes(replayed, many, many)
