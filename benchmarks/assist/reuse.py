"""Reuse: groups and properties that fit an event under design, among all that a plan has.

Beside the proposals stand the two obvious ways: what is used most, and what is called most like the
words of the design (rapidfuzz).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml_rs
from rapidfuzz import fuzz

from benchmarks.assist.world import APP, world
from trackplane.assist import Catalogue, Design, propose, read_design

Proposer = Callable[[Design], tuple[list[str], list[str]]]  # groups, properties


def queries(part: str) -> list[dict[str, Any]]:
    text = Path(__file__).with_name(f"reuse.{part}.yaml").read_text(encoding="utf-8")
    found: Any = yaml_rs.loads(text)
    return list(found)


def design_of(query: dict[str, Any]) -> Design:
    # `title: …, what: …` in one line is the short form of the labelled set.
    text = str(query["text"]).replace("}, what:", "}\nwhat:")
    return read_design(query["name"], text)


def proposers() -> dict[str, Proposer]:
    plan = world()
    catalogue = Catalogue.of([plan])
    by_group = Counter(group for spec in plan.events.values() for group in spec.groups)
    by_path = Counter(
        f"{namespace}.{name}"
        for spec in plan.events.values()
        for namespace, held in spec.properties.items()
        for name in held
    )
    inside = {
        name: {f"{namespace}.{key}" for namespace, held in group.items() for key in held}
        for name, group in plan.groups.items()
    }

    def ours(design: Design) -> tuple[list[str], list[str]]:
        found = propose(catalogue, design, app=APP)
        return [one.name for one in found.groups], [one.path for one in found.properties]

    def free(design: Design, groups: list[str], paths: list[str]) -> list[str]:
        held = set(design.properties).union(*(inside[group] for group in groups[:2]))
        return [path for path in paths if path not in held][:5]

    def most_used(design: Design) -> tuple[list[str], list[str]]:
        groups = [name for name, _ in by_group.most_common(5)]
        return groups, free(design, groups, [path for path, _ in by_path.most_common()])

    def like_words(design: Design) -> tuple[list[str], list[str]]:
        words = " ".join((design.name.replace("_", " "), *design.titles, design.description,
                          *(path.partition(".")[2] for path in design.properties)))  # fmt: skip

        def score(name: str) -> float:
            return fuzz.token_set_ratio(words, name.replace("_", " "))

        groups = sorted(
            plan.groups,
            key=lambda name: (
                -max(score(name), *(score(path.partition(".")[2]) for path in inside[name]))
            ),
        )[:5]
        paths = sorted(by_path, key=lambda path: -score(path.partition(".")[2]))
        return groups, free(design, groups, paths)

    return {"trackplane": ours, "rapidfuzz token_set_ratio": like_words, "most used": most_used}


def rows() -> Iterator[dict[str, Any]]:
    for part in ("dev", "held"):
        asked = queries(part)
        measured = {name: _measured(proposer, asked) for name, proposer in proposers().items()}
        where = "tuned on" if part == "dev" else "held out"
        for kind in ("groups", "properties"):
            for unit in ("precision@5", "recall@5", "first place"):
                for name, figures in measured.items():
                    value = figures[kind][unit]
                    ours = measured["trackplane"][kind][unit]
                    yield {
                        "benchmark": "assist",
                        "case": f"reuse of {kind}, {len(asked)} designs, {where}",
                        "subject": name,
                        "value": round(value, 3),
                        "unit": unit,
                        "ratio": None if name == "trackplane" or not value else round(ours / value, 2),
                        "ratio_to": name,
                    }  # fmt: skip


def _measured(proposer: Proposer, asked: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return precision and recall of the first five, and how often the first one is right.

    Designs without a right answer of a kind count in its precision, not in the others.
    """
    found: dict[str, dict[str, float]] = {}
    answers = [(query, proposer(design_of(query))) for query in asked]
    for at, kind in enumerate(("groups", "properties")):
        given = right = wanted = first = asked_for = 0
        for query, answer in answers:
            relevant = set(query[kind])
            if kind == "properties" and not relevant:
                continue  # nobody labelled what else might do
            proposed = answer[at][:5]
            given += len(proposed)
            right += sum(name in relevant for name in proposed)
            wanted += len(relevant)
            if relevant:
                asked_for += 1
                first += bool(proposed) and proposed[0] in relevant
        found[kind] = {
            "precision@5": right / given if given else 0.0,
            "recall@5": right / wanted,
            "first place": first / asked_for,
        }
    return found
