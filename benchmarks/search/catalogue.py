"""A made-up catalogue of planned events with names and texts in English and Chinese, by a seed.

Each app is of a domain; its events are an action on an object at some place of the product, spelt in
the app's own style. Some apps write titles in both languages, some in one. Properties are shared
between events, as groups make them. The targets of ``queries`` are planted among all that.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.search.words import ACTIONS, DOMAINS, PLACES, PROPERTIES, SURNAMES, TEAMS, TEMPLATES
from trackplane.plan.model import EventSpec, Metric, Plan, Property

Shapes = dict[str, dict[str, Property]]


def plans(events: int, *, apps: int, properties: int = 20, seed: int = 5) -> Iterator[Plan]:
    """Yield the plans of ``apps`` apps with ``events`` events together."""
    chance = random.Random(seed)
    pool = [shape_of(*each) for each in PROPERTIES]
    for number in range(apps):
        share = events // apps + (number < events % apps)
        yield _plan(chance, number, share, pool, properties)


def shape_of(
    namespace: str, name: str, en: str, zh: str, kind: str, values: tuple[str, ...] = ()
) -> tuple[str, str, Property]:
    """Return a property with its place."""
    return (
        namespace,
        name,
        Property(
            type=(kind,),  # type: ignore[arg-type]
            title={"en": en, "zh": zh},
            enum=values or None,
        ),
    )


def _plan(
    chance: random.Random,
    number: int,
    count: int,
    pool: list[tuple[str, str, Property]],
    properties: int,
) -> Plan:
    domain = chance.choice(sorted(DOMAINS))
    app = f"{domain}_{number:04}"
    style = chance.choice(("snake", "snake", "camel", "reversed", "kebab"))
    language = chance.choice(("both", "both", "en", "zh"))
    teams = chance.sample(TEAMS, 3)
    shared = chance.sample(pool, 8)
    own = chance.sample([each for each in pool if each not in shared], 40)
    found: dict[str, EventSpec] = {}
    while len(found) < count:
        thing, thing_zh = chance.choice(DOMAINS[domain])
        verb, past, verb_zh = chance.choice(ACTIONS)
        place, place_zh = chance.choice(PLACES)
        words = _words(chance, thing, verb, past, place, style)
        name = _spelt(words, style)
        if name in found:
            name = _spelt([*words, str(len(found))], style)
        title = {
            "en": f"{thing.capitalize()} {past} ({place})",
            "zh": f"{place_zh}{verb_zh}{thing_zh}",
        }
        template, template_zh = chance.choice(TEMPLATES)
        filled = {"thing": thing, "past": past, "verb": verb, "place": place}
        text = {
            "en": template.format(**filled),
            "zh": template_zh.format(thing=thing_zh, verb=verb_zh, place=place_zh),
        }
        shapes: Shapes = {}
        for namespace, each, shape in (*shared, *chance.sample(own, properties - len(shared))):
            shapes.setdefault(namespace, {})[each] = shape
        found[name] = EventSpec(
            app=app,
            event=name,
            grade=chance.choices(("P0", "P1", "P2", "P3"), (5, 15, 60, 20))[0],
            owner=chance.choice(teams) if chance.random() < 0.7 else _person(chance),
            title=title if language == "both" else title[language],
            description=text if language == "both" else text[language],
            trigger=f"when the {thing} is {past}" if chance.random() < 0.5 else None,
            tags=tuple(chance.sample((domain, place, thing.split()[0]), 2)),
            platforms=("ios", "android") if chance.random() < 0.6 else ("web",),
            properties=shapes,
        )
    events = list(found)
    metrics = {
        f"{app}_{measure}_{n}": Metric(
            name=f"{app}_{measure}_{n}", of=chance.choice(events), measure="count()", owner=teams[0]
        )
        for n, measure in enumerate(("volume", "conversions"))
    }
    return Plan(app=app, events=found, metrics=metrics if found else {})


def _words(
    chance: random.Random, thing: str, verb: str, past: str, place: str, style: str
) -> list[str]:
    words = [*thing.split(), past if chance.random() < 0.5 else verb]
    if style == "reversed":
        words = [verb, *thing.split()]
    if chance.random() < 0.75:
        words = [*place.split(), *words]
    return words


def _spelt(words: list[str], style: str) -> str:
    if style == "camel":
        return "".join(word.capitalize() for word in words)
    return ("-" if style == "kebab" else "_").join(words)


def _person(chance: random.Random) -> str:
    return f"person:{chance.choice(SURNAMES)}.{chance.choice(SURNAMES)}"
