"""How complete an event is, what is missing and what each part is worth.

``PARTS`` is the whole table; ``docs/assist.md`` shows it, and a test compares the two. A part that
an event cannot have (no property, no personal data) counts as met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from trackplane.assist.design import Design
from trackplane.assist.personal import personal_class
from trackplane.event import BUILT_IN
from trackplane.wording import analyse

Code = Literal[
    "title", "title_languages", "description", "trigger", "owner", "grade", "platforms",
    "screenshots", "properties_described", "properties_bounded", "personal_data",
]  # fmt: skip


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What is missing: points it would bring, where, and what to write (a line of YAML)."""

    code: Code
    points: int
    message: dict[str, str]
    path: str = ""
    fix: str = ""


class Completeness(msgspec.Struct, frozen=True, kw_only=True):
    """The score, 0 to 100, and what is missing, the most valuable first."""

    score: int
    missing: tuple[Missing, ...]


class Part(msgspec.Struct, frozen=True):
    """A row of the table. ``measure`` gives the share that is met and the paths that are not."""

    code: Code
    points: int
    meaning: str
    message: dict[str, str]
    fix: str
    measure: Callable[[Design], tuple[float, list[str]]]


def completeness(design: Design) -> Completeness:
    """Return how complete an event under design is, and what is missing."""
    score = 0.0
    missing: list[Missing] = []
    for part in PARTS:
        share, paths = part.measure(design)
        score += part.points * share
        if share >= 1:
            continue
        lost = part.points * (1 - share)
        if not paths:
            missing.append(_missing(part, max(1, round(lost)), ""))
            continue
        missing += [_missing(part, max(1, round(lost / len(paths))), path) for path in paths]
    missing.sort(key=lambda one: (-one.points, _ORDER[one.code], one.path))
    return Completeness(score=100 if not missing else min(99, round(score)), missing=tuple(missing))


def _missing(part: Part, points: int, path: str) -> Missing:
    message = {lang: text.format(path=path) for lang, text in part.message.items()}
    return Missing(code=part.code, points=points, message=message, path=path, fix=part.fix)


def _has(key: str) -> Callable[[Design], tuple[float, list[str]]]:
    def measure(design: Design) -> tuple[float, list[str]]:
        return (1.0 if design.tree.get(key) else 0.0), []

    return measure


def _languages(design: Design) -> tuple[float, list[str]]:
    title = design.tree.get("title")
    return (1.0 if isinstance(title, Mapping) and len(title) > 1 else 0.0), []


def _long_enough(key: str, least: int) -> Callable[[Design], tuple[float, list[str]]]:
    def measure(design: Design) -> tuple[float, list[str]]:
        value = design.tree.get(key)
        texts = list(value.values()) if isinstance(value, Mapping) else [value]
        longest = max((_width(text) for text in texts if isinstance(text, str)), default=0)
        return min(1.0, longest / least), []

    return measure


def _width(text: str) -> int:
    """Return a text's length in columns: a Chinese character says as much as two letters."""
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text.strip())


def _shapes(design: Design) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, written in design.properties.items():
        if isinstance(written, dict):
            yield path, written
        elif isinstance(written, str | list):
            yield path, {"type": written}


def _of_all(
    design: Design, wanted: Callable[[str, dict[str, Any]], bool | None]
) -> tuple[float, list[str]]:
    """Measure properties: True is met, False is missing, None does not count."""
    found = [(path, wanted(path, shape)) for path, shape in _shapes(design)]
    counted = [(path, met) for path, met in found if met is not None]
    without = [path for path, met in counted if not met]
    return (1 - len(without) / len(counted) if counted else 1.0), without


def _described(path: str, shape: dict[str, Any]) -> bool | None:
    if path in BUILT_IN:
        return None
    return bool(shape.get("title") or shape.get("description") or _is_named(shape))


def _is_named(shape: dict[str, Any]) -> bool:
    return isinstance(shape.get("type"), str) and shape["type"] not in _PLAIN


def _bounded(path: str, shape: dict[str, Any]) -> bool | None:
    """Say whether a text or number that could be bounded is; free texts, ids, times are not."""
    kind = shape.get("type")
    if kind not in {"string", "number", "integer"} or shape.get("pii") or path in BUILT_IN:
        return None
    keys = set(analyse(path.rpartition(".")[2]).keys)
    if keys & _FREE:
        return None
    return bool(shape.keys() & _BOUNDS)


def _personal(path: str, shape: dict[str, Any]) -> bool | None:
    if personal_class(path) is None and not shape.get("pii"):
        return None
    return bool(shape.get("pii") and shape.get("purpose"))


_PLAIN: Final = frozenset(
    ["string", "integer", "number", "boolean", "timestamp", "array", "object", "map", "json"]
)
_BOUNDS: Final = frozenset(
    ["enum", "min", "max", "min_length", "max_length", "pattern", "properties", "items", "values"]
)
_FREE: Final = frozenset(
    [
        "id",
        "text",
        "description",
        "message",
        "content",
        "title",
        "name",
        "query",
        "url",
        "link",
        "reason",
        "comment",
        "feedback",
        "order_id",
    ]
)

PARTS: Final[tuple[Part, ...]] = (
    Part(
        "description", 15, "a description of at least 20 letters or 10 Chinese characters",
        {"en": "say what the event means", "zh": "说明事件的含义"},
        "description: {en: …, zh: …}", _long_enough("description", 20),
    ),
    Part(
        "owner", 15, "an owner",
        {"en": "name the team or person who answers for it", "zh": "指定负责的团队或人员"},
        "owner: team:…", _has("owner"),
    ),
    Part(
        "properties_described", 15, "each own property has a title or description, or a named type",
        {"en": "describe {path}", "zh": "描述 {path}"},
        "description: …", lambda design: _of_all(design, _described),
    ),
    Part(
        "personal_data", 10, "what looks personal has its class (`pii`) and `purpose`",
        {"en": "declare class and purpose of {path}, which looks personal",
         "zh": "{path} 可能是个人信息，请声明类别和用途"},
        "pii: …, purpose: […]", lambda design: _of_all(design, _personal),
    ),
    Part(
        "trigger", 10, "when exactly it is sent",
        {"en": "say when exactly it is sent", "zh": "说明触发时机"},
        "trigger: {en: …, zh: …}", _has("trigger"),
    ),
    Part(
        "properties_bounded", 10, "numbers and short texts have an enum, a range, a length or a pattern",
        {"en": "bound {path}: enum, min, max, max_length or pattern",
         "zh": "约束 {path}：enum、min、max、max_length 或 pattern"},
        "enum: […]", lambda design: _of_all(design, _bounded),
    ),
    Part(
        "title", 5, "a title",
        {"en": "give it a title", "zh": "添加标题"}, "title: {en: …, zh: …}", _has("title"),
    ),
    Part(
        "title_languages", 5, "the title in more than one language",
        {"en": "give the title in a second language", "zh": "用第二种语言填写标题"},
        "title: {en: …, zh: …}", _languages,
    ),
    Part(
        "grade", 5, "a grade",
        {"en": "say how much it matters", "zh": "标明重要等级"}, "grade: P2", _has("grade"),
    ),
    Part(
        "platforms", 5, "the platforms that send it",
        {"en": "list the platforms that send it", "zh": "列出上报平台"},
        "platforms: [ios, android, web]", _has("platforms"),
    ),
    Part(
        "screenshots", 5, "a screenshot",
        {"en": "show where it happens", "zh": "附上截图"}, "screenshots: […]", _has("screenshots"),
    ),
)  # fmt: skip
_ORDER: Final = {part.code: number for number, part in enumerate(PARTS)}
