"""Near-duplicates: pairs told apart, and the planned event found among others.

``duplicates.dev.tsv`` is what thresholds and glossary were tuned on, ``duplicates.held.tsv`` is
not. The baselines get the threshold that is best for them on the development pairs.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

from benchmarks.assist.world import world
from trackplane.assist import Catalogue, propose, read_design
from trackplane.assist.duplicates import DUPLICATE
from trackplane.plan.model import EventSpec, Plan
from trackplane.wording import similarity

Similar = Callable[[str, str], float]


@dataclass(frozen=True)
class Pair:
    same: bool
    kind: str
    new: str
    planned: str


def pairs(part: str) -> list[Pair]:
    file = Path(__file__).with_name(f"duplicates.{part}.tsv")
    lines = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
    return [Pair(line[0] == "same", *line[1:]) for line in lines if line[0] in ("same", "diff")]


def plain(text: str) -> str:
    return text.replace("_", " ").replace("-", " ").casefold()


BASELINES: dict[str, Similar] = {
    "rapidfuzz ratio": lambda a, b: fuzz.ratio(plain(a), plain(b)) / 100,
    "rapidfuzz token_sort_ratio": lambda a, b: fuzz.token_sort_ratio(plain(a), plain(b)) / 100,
    "difflib": lambda a, b: difflib.SequenceMatcher(None, plain(a), plain(b)).ratio(),
}


def judged(similar: Similar, threshold: float, told: list[Pair]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of calling pairs the same from a threshold on."""
    hits = [pair.same for pair in told if similar(pair.new, pair.planned) >= threshold]
    precision = sum(hits) / len(hits) if hits else 0.0
    recall = sum(hits) / sum(pair.same for pair in told)
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def best_threshold(similar: Similar, told: list[Pair]) -> float:
    return max((n / 100 for n in range(30, 100)), key=lambda t: judged(similar, t, told)[2])


def rows() -> Iterator[dict[str, Any]]:
    dev = pairs("dev")
    thresholds = {"trackplane": DUPLICATE} | {
        name: best_threshold(similar, dev) for name, similar in BASELINES.items()
    }
    for part in ("dev", "held"):
        told = pairs(part)
        measured = {
            name: judged({"trackplane": similarity, **BASELINES}[name], threshold, told)
            for name, threshold in thresholds.items()
        }
        for at, unit in ((0, "precision"), (1, "recall"), (2, "F1")):
            for name, figures in measured.items():
                yield _row(f"{len(told)} pairs, {_part(part)}", name, unit, figures[at],
                           measured["trackplane"][at])  # fmt: skip
        yield from _found(part, told, thresholds)


def _found(part: str, told: list[Pair], thresholds: dict[str, float]) -> Iterator[dict[str, Any]]:
    """Rows of finding the planned event among all others, first five places."""
    plan = world()
    names = [pair.planned for pair in told if pair.planned not in plan.events]
    more = {name: EventSpec(app=plan.app, event=name) for name in dict.fromkeys(names)}
    catalogue = Catalogue.of([Plan(app=plan.app, events={**plan.events, **more})])
    everything = [*plan.events, *more]
    subjects: dict[str, Callable[[str], list[str]]] = {
        "trackplane": lambda new: [
            one.event for one in propose(catalogue, read_design(new, ""), app=plan.app).duplicates
        ]
    }
    for name, similar in BASELINES.items():
        subjects[name] = lambda new, s=similar, t=thresholds[name]: [  # type: ignore[misc]
            other
            for score, other in sorted(((s(new, o), o) for o in everything if o != new), reverse=True)[:5]
            if score >= t
        ]  # fmt: skip
    # What may rightly be proposed for a new name: all that the labels and their closure call the same.
    group = _closure(told)
    wanted = {
        new: {other for other in everything if other != new and group(other) == group(new)}
        for new in dict.fromkeys(pair.new for pair in told)
    }
    figures = {}
    for name, propose_ in subjects.items():
        given = right = found = 0
        for new, planned in wanted.items():
            proposed = propose_(new)
            given += len(proposed)
            right += sum(other in planned for other in proposed)
            found += bool(planned & set(proposed))
        total = sum(bool(planned) for planned in wanted.values())
        figures[name] = (right / given if given else 0.0, found / total)
    case = f"found among {len(everything)} events, {_part(part)}"
    for at, unit in ((0, "precision@5"), (1, "recall@5")):
        for name, figure in figures.items():
            yield _row(case, name, unit, figure[at], figures["trackplane"][at])


def _closure(told: list[Pair]) -> Callable[[str], str]:
    """Return what gives the same name to all that the labels call the same, directly or by others.

    ``alike.txt`` says which names of the catalogue and the sets are one event besides.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.get(name, name) != name:
            name = parent[name]
        return name

    alike = Path(__file__).with_name("alike.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.split() for line in alike if not line.startswith("#")]
    for names in [*([pair.new, pair.planned] for pair in told if pair.same), *lines]:
        for name in names[1:]:
            parent[root(name)] = root(names[0])
    return root


def _part(part: str) -> str:
    return "tuned on" if part == "dev" else "held out"


def _row(case: str, subject: str, unit: str, value: float, ours: float) -> dict[str, Any]:
    return {
        "benchmark": "assist",
        "case": f"duplicates, {case}",
        "subject": subject,
        "value": round(value, 3),
        "unit": unit,
        "ratio": None if subject == "trackplane" or not value else round(ours / value, 2),
        "ratio_to": subject,
    }
