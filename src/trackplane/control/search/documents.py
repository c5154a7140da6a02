"""What can be found: events, metrics, groups, types and properties as documents of words. Pure.

A document's words stand in one of four fields, by how much a match there says. An event's document
holds its properties' names, titles and values, so that it is found by them; what the properties mean
in words is in documents of their own. Properties of an app that are defined alike are one document.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, Literal

import msgspec

from trackplane.plan.model import EventSpec, Metric, Plan, Properties, Property, Text
from trackplane.wording import fold, has_chinese, initials, normal, tokens

Kind = Literal["event", "metric", "group", "type", "property"]
KINDS: Final[tuple[Kind, ...]] = Kind.__args__  # type: ignore[attr-defined]
# Counts changes of how documents and words are made; an index of another format is made anew.
FORMAT: Final = 1
NAME, TITLE, KEYWORD, TEXT = range(4)
WHOLE: Final = "="  # begins the word that stands for a whole name or title
INITIALS: Final = "~"  # begins the first letters of a Chinese title's syllables
_LONGEST_WORD: Final = 64
_LONGEST_WHOLE: Final = 120
_VALUES: Final = 200  # of a property's values, those that are searched
_DEEPEST: Final = 8
_SIGNS: Final = re.compile(r"[\W_]+")


class Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The texts of a document, as they are shown and searched."""

    title: Text | None = None
    description: Text | None = None
    trigger: Text | None = None
    category: str = ""
    groups: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()  # paths
    titles: tuple[str, ...] = ()  # of properties
    values: tuple[str, ...] = ()
    type: str = ""  # of a property or type
    formula: str = ""  # of a metric


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be found."""

    app: str
    kind: Kind
    name: str
    body: Body
    variant: str = ""
    owner: str = ""
    grade: str = ""
    deprecated: bool = False
    tags: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    properties: int = 0
    events: int = 0  # that have this property or group; not part of ``hash``

    @property
    def hash(self) -> str:
        """Return what tells this content from another."""
        return _hash(msgspec.structs.replace(self, events=0))

    @property
    def length(self) -> int:
        """Return how many words the name has."""
        return max(1, len(tokens(self.name)))

    def phrases(self) -> Iterator[tuple[int, str]]:
        """Yield the texts that it is found by, with the field each stands in."""
        body = self.body
        yield NAME, self.name
        for text in texts(body.title):
            yield TITLE, text
        for text in (self.owner, body.category, body.type, body.formula):
            if text:
                yield KEYWORD, text
        for each in (self.tags, body.groups, body.properties, body.titles, body.values):
            for text in each:
                yield KEYWORD, text
        for text in (*texts(body.description), *texts(body.trigger)):
            yield TEXT, text


def documents_of(plan: Plan) -> Iterator[Document]:
    """Yield the metrics, groups and types of a plan."""
    uses: dict[str, int] = {}
    for event in plan.events.values():
        for group in event.groups:
            uses[group] = uses.get(group, 0) + 1
    for metric in plan.metrics.values():
        yield metric_document(plan.app, metric)
    for name, properties in plan.groups.items():
        yield group_document(plan.app, name, properties, events=uses.get(name, 0))
    for name, shape in plan.types.items():
        yield type_document(plan.app, name, shape)


def event_document(spec: EventSpec) -> Document:
    """Return the document of an event."""
    found = list(paths_of(spec.properties))
    return Document(
        app=spec.app,
        kind="event",
        name=spec.event,
        body=Body(
            title=spec.title,
            description=spec.description,
            trigger=spec.trigger,
            category=spec.category or "",
            groups=spec.groups,
            properties=tuple(path for path, _ in found),
            titles=tuple(_distinct(text for _, each in found for text in texts(each.title))),
            values=tuple(_distinct(value for _, each in found for value in values_of(each))),
        ),
        owner=spec.owner or "",
        grade=spec.grade,
        deprecated=spec.deprecated is not None or spec.removed,
        tags=spec.tags,
        platforms=spec.platforms,
        properties=len(found),
    )


def metric_document(app: str, metric: Metric) -> Document:
    """Return the document of a metric."""
    formula = metric.measure if metric.where is None else f"{metric.measure} where {metric.where}"
    return Document(
        app=app,
        kind="metric",
        name=metric.name,
        body=Body(
            title=metric.title,
            description=metric.description,
            properties=(metric.of,),
            formula=formula,
            values=(metric.unit,) if metric.unit else (),
        ),
        owner=metric.owner or "",
        tags=metric.tags,
    )


def group_document(app: str, name: str, properties: Properties, *, events: int) -> Document:
    """Return the document of a group."""
    found = list(paths_of(properties))
    return Document(
        app=app,
        kind="group",
        name=name,
        body=Body(
            properties=tuple(path for path, _ in found),
            titles=tuple(_distinct(text for _, each in found for text in texts(each.title))),
            values=tuple(_distinct(value for _, each in found for value in values_of(each))),
        ),
        properties=len(found),
        events=events,
    )


def type_document(app: str, name: str, shape: Property) -> Document:
    """Return the document of a named type."""
    inner = list(_paths(shape.properties or {}, "", 0))
    return Document(
        app=app,
        kind="type",
        name=name,
        body=Body(
            title=shape.title,
            description=shape.description,
            properties=tuple(path for path, _ in inner),
            values=tuple(values_of(shape)),
            type=" | ".join(shape.type),
        ),
        deprecated=shape.deprecated is not None,
        properties=len(inner),
    )


def property_document(app: str, path: str, shape: Property, *, events: int) -> Document:
    """Return the document of one definition of a property."""
    return Document(
        app=app,
        kind="property",
        name=path,
        variant=property_variant(shape),
        body=Body(
            title=shape.title,
            description=shape.description,
            values=tuple(values_of(shape)),
            type=" | ".join(shape.type),
        ),
        deprecated=shape.deprecated is not None,
        events=events,
    )


def property_variant(shape: Property) -> str:
    """Return what tells definitions apart by what people read of them."""
    return _hash(
        (
            shape.type,
            shape.title,
            shape.description,
            shape.enum,
            shape.enum_labels,
            shape.deprecated,
        )
    )


def paths_of(properties: Properties) -> Iterator[tuple[str, Property]]:
    """Yield properties, those of objects too, by path: ``what.address.city``."""
    for namespace, inner in properties.items():
        yield from _paths(inner, f"{namespace}.", 0)


def _paths(
    properties: Mapping[str, Property], prefix: str, depth: int
) -> Iterator[tuple[str, Property]]:
    for name, shape in properties.items():
        path = prefix + name
        yield path, shape
        inner = shape
        while inner.items is not None or inner.values is not None:
            inner = inner.items or inner.values or inner
        if inner.properties and depth < _DEEPEST:
            yield from _paths(inner.properties, path + ".", depth + 1)


def values_of(shape: Property) -> Iterator[str]:
    """Yield a property's values and what they are called."""
    for value in (shape.enum or ())[:_VALUES]:
        if value is not None and not isinstance(value, bool):
            yield str(value)
    for label in list(shape.enum_labels.values())[:_VALUES]:
        yield from texts(label)


def texts(text: Text | None) -> tuple[str, ...]:
    """Return a text in each of its languages."""
    if not text:
        return ()
    return (text,) if isinstance(text, str) else tuple(text.values())


def words_in(field: int, text: str) -> Iterable[str]:
    """Return the words that a text of a field is found by."""
    if field > TITLE:
        return words_of(text)
    found = (*words_of(text), *whole(text))
    if field == TITLE and has_chinese(text):
        return (*found, INITIALS + initials(text)[:_LONGEST_WORD])
    return found


def words_of(text: str) -> Iterable[str]:
    """Return the words of a text: as written, and without plural or tense.

    A text of signs alone (an emoji) is one word.
    """
    found: dict[str, None] = {}
    for token in tokens(text, overlapping=True):
        word = token[:_LONGEST_WORD]
        found[word] = None
        found[_normal(word)] = None
    if not found and (sign := _sign(text)):
        found[sign[:_LONGEST_WORD]] = None
    return found


def whole(text: str) -> tuple[str, ...]:
    """Return the word for a whole name or title, under which ``payClick`` and ``pay click`` are one."""
    folded = fold(text)
    joined = _SIGNS.sub("", folded) or _sign(text)
    return (WHOLE + joined[:_LONGEST_WHOLE],) if joined else ()


_normal = lru_cache(maxsize=65_536)(normal)


def _sign(text: str) -> str:
    return "".join(each for each in fold(text) if each.isprintable()).strip()


def _distinct(items: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(items)


def _hash(content: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=8).hexdigest()
