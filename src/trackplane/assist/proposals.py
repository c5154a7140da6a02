"""Proposals for an event under design: what to reuse, what it repeats, each with a score and why.

Scores are 0 to 1. *Like events* are those that share words or properties with the design, weighed by
how rare what they share is; those of the same app count more. From them come the properties and
groups that such an event usually has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from trackplane.assist.catalogue import Catalogue, Shared
from trackplane.assist.design import Design
from trackplane.assist.reasons import Why, in_words, share_in_words, why
from trackplane.assist.shapes import same_shape, shape_overlap
from trackplane.plan.model import Property
from trackplane.wording import Likeness, analyse, likeness

_LIKE_EVENTS: Final = 200
_RESCORED: Final = 40
_SAME_APP: Final = 1.5
_NAME_WEIGHT: Final = 2.5
_DEEDS: Final = 0.5  # order_pay is like order_ship more than like course_pay
DUPLICATE: Final = 0.78  # from here on a name is called a near-duplicate
_BESIDE_BEST: Final = 0.1  # what is this much worse than the best is not shown beside it
SAME_PROPERTY: Final = 0.85
_LEAST_GROUP: Final = 0.3
_SURE_GROUP: Final = 0.5  # what such a group has is not proposed by itself
_OF_BEST: Final = 0.4  # of the best score: what is below is not shown beside it
_LEAST_PROPERTY: Final = 0.12
_LEAST_TYPE: Final = 0.5
_MOST_TEXTS: Final = 3


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """An event that may be the one under design."""

    app: str
    event: str
    titles: tuple[str, ...]
    score: float
    reasons: tuple[Why, ...]


class Reuse(msgspec.Struct, frozen=True, kw_only=True):
    """A group or type to reuse: ``home`` is the app or library that has it."""

    name: str
    home: str
    score: float
    reasons: tuple[Why, ...]
    path: str | None = None  # of a type: the property it is for


class PropertyProposal(msgspec.Struct, frozen=True, kw_only=True):
    """A property to add as it is defined elsewhere."""

    path: str
    definition: Property
    used_by: int
    score: float
    reasons: tuple[Why, ...]


class SameProperty(msgspec.Struct, frozen=True, kw_only=True):
    """A property under design that others call by another name."""

    path: str
    like: str
    used_by: int
    score: float
    reasons: tuple[Why, ...]


class Proposals(msgspec.Struct, frozen=True, kw_only=True):
    """Everything proposed for one design, the best first."""

    duplicates: tuple[Duplicate, ...] = ()
    groups: tuple[Reuse, ...] = ()
    properties: tuple[PropertyProposal, ...] = ()
    types: tuple[Reuse, ...] = ()
    same_properties: tuple[SameProperty, ...] = ()


Scored = TypeVar("Scored", Reuse, PropertyProposal)


def propose(
    catalogue: Catalogue,
    design: Design,
    *,
    app: str,
    apps: Collection[str] | None = None,
    limit: int = 5,
) -> Proposals:
    """Return what to reuse and what is repeated in ``design``, an event of ``app``.

    ``apps`` are those the asker may see (None: all); what others have is not proposed, libraries
    are everybody's. Up to ``limit`` of each kind.
    """
    asked = _Asked(catalogue, design, app, apps)
    groups = _near_best(sorted(asked.groups(), key=_best))[:limit]
    return Proposals(
        duplicates=tuple(asked.duplicates(limit)),
        groups=tuple(groups),
        properties=tuple(_near_best(asked.properties(groups, limit))),
        types=tuple(sorted(asked.types(), key=_best)[:limit]),
        same_properties=tuple(sorted(asked.same_properties(), key=_best)[:limit]),
    )


def _near_best(found: list[Scored]) -> list[Scored]:
    return [one for one in found if one.score >= _OF_BEST * found[0].score]


def _best(found: Reuse | SameProperty) -> tuple[float, str]:
    return -found.score, found.path or found.name if isinstance(found, Reuse) else found.like


class _Asked:
    """One question to the catalogue, with what several answers need."""

    def __init__(
        self, catalogue: Catalogue, design: Design, app: str, apps: Collection[str] | None
    ) -> None:
        self.catalogue = catalogue
        self.design = design
        self.app = app
        self.apps = apps
        self.texts = tuple(text for text in (design.name, *design.titles) if text)
        self.visible = catalogue.visible(apps)
        self._group_paths: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}
        own = catalogue.groups.get(app, {})
        self.held = set(design.properties)
        for group in design.groups:
            shared = own.get(group) or self._library_group(group)
            if shared is not None:
                self.held |= set(_paths(shared))
        self.rough = catalogue.names.scores(self.texts)
        self.rough[~self.visible] = 0
        self.itself = catalogue.number_of(app, design.name)  # when an event is edited
        if self.itself is not None:
            self.rough[self.itself] = 0
        self.like, self.weights = self._like_events()

    def _library_group(self, name: str) -> Shared | None:
        for home in self.catalogue.libraries:
            found = self.catalogue.groups.get(home, {}).get(name)
            if found is not None:
                return found
        return None

    # --- events like this one

    def _like_events(self) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the numbers of like events and their weights."""
        catalogue = self.catalogue
        count = len(catalogue.events)
        named = catalogue.names.scores(self.texts, deeds=_DEEDS)
        scores = named * (_NAME_WEIGHT / max(float(named.max(initial=0.0)), 1e-9))
        total = max(1, int(self.visible.sum()))
        for path in self.design.properties:
            number = catalogue.path_number(path)
            if number is None:
                continue
            found = catalogue.events_of_path(number)
            if len(found):
                scores[found] += np.float32(0.2 + 0.25 * np.log(total / len(found) + 1))
        scores[~self.visible] = 0
        if self.itself is not None:
            scores[self.itself] = 0
        scores[catalogue.visible([self.app])] *= _SAME_APP
        most = min(_LIKE_EVENTS, count)
        if not most:
            return np.zeros(0, np.intp), np.zeros(0, np.float32)
        best = np.argpartition(-scores, most - 1)[:most]
        best = best[scores[best] > 0]
        best = best[np.argsort(-scores[best], kind="stable")]
        weights = scores[best]
        return best, (weights / weights[0]) ** 2 if len(weights) else weights

    # --- near-duplicates

    def duplicates(self, limit: int) -> list[Duplicate]:
        """Return the events that are this one under another name, the likest first."""
        most = min(_RESCORED, len(self.rough))
        if not most:
            return []
        best = np.argpartition(-self.rough, most - 1)[:most]
        found = []
        for number in best:
            if self.rough[number] <= 0:
                continue
            duplicate = self._duplicate(int(number))
            if duplicate is not None:
                found.append(duplicate)
        found.sort(key=lambda one: (-one.score, one.app != self.app, one.app, one.event))
        return [one for one in found if one.score >= found[0].score - _BESIDE_BEST][:limit]

    def _duplicate(self, number: int) -> Duplicate | None:
        known = self.catalogue.known(number)
        likest, mine, theirs = self._likest(known.event, known.titles)
        shared = self._shared_paths(number)
        own = len([path for path in self.design.properties if path])
        part = len(shared) / max(own, 1) if shared else 0.0
        score = min(1.0, likest.score + 0.05 * part) if likest.score >= DUPLICATE - 0.1 else 0.0
        if score < DUPLICATE:
            return None
        code = "name_like" if theirs == known.event and mine == self.design.name else "title_like"
        reasons = [why(code, name=theirs, why=in_words(likest))]
        if shared:
            reasons.append(
                why("same_properties", n=len(shared), paths=", ".join(sorted(shared)[:4]))
            )
        seen = self.catalogue.observations.get((known.app, known.event))
        if seen:
            reasons.append(why("receives", n=f"{seen:,}"))
        if known.deprecated:
            reasons.append(why("deprecated"))
        return Duplicate(
            app=known.app, event=known.event, titles=known.titles, score=round(score, 3),
            reasons=tuple(reasons),
        )  # fmt: skip

    def _likest(self, name: str, titles: tuple[str, ...]) -> tuple[Likeness, str, str]:
        """Return the likest pair of names and titles of both."""
        weigh = self.catalogue.names.rarity
        best, mine, theirs = Likeness(0.0), self.design.name, name
        for other in (name, *titles[:_MOST_TEXTS]):
            for text in self.texts[:_MOST_TEXTS]:
                found = likeness(text, other, weigh)
                if found.score > best.score + (0.001 if best.score else 0):
                    best, mine, theirs = found, text, other
        return best, mine, theirs

    def _shared_paths(self, number: int) -> set[str]:
        paths = self.catalogue.paths_of(number)
        return {path for path in self.design.properties if path in paths}

    # --- groups

    def groups(self) -> Iterator[Reuse]:
        """Yield the groups of the app and of libraries that such an event has."""
        catalogue = self.catalogue
        total = float(self.weights.sum())
        used: dict[str, tuple[float, int]] = {}
        for number, weight in zip(self.like.tolist(), self.weights.tolist(), strict=True):
            for name in catalogue.known(number).groups:
                share, count = used.get(name, (0.0, 0))
                used[name] = share + weight, count + 1
        own = list(catalogue.of_app(self.app))
        here = len(own)
        for shared in self._groups_to_reach():
            if shared.name in self.design.groups:
                continue
            paths = _paths(shared)
            reasons: list[tuple[float, Why]] = []
            share, count = used.get(shared.name, (0.0, 0))
            by_use = share / total if total else 0.0
            if by_use > 0:
                reasons.append((by_use, why("used_by_like_events", n=count, of=len(self.like))))
            usual = sum(shared.name in known.groups for known in own) / here if here else 0.0
            if usual >= 0.3:
                reasons.append(
                    (usual * 0.5, why("usual_here", share=share_in_words(usual), app=self.app))
                )
            covered = [path for path in paths if path in self.design.properties]
            by_cover = len(covered) / len(paths) if paths else 0.0
            if covered:
                reasons.append(
                    (
                        by_cover,
                        why("covers", n=len(covered), of=len(paths), paths=", ".join(covered[:4])),
                    )
                )
            by_name, spoken = self._spoken(shared)
            if by_name:
                reasons.append((by_name, why("mentioned", words=spoken)))
            score = _together(by_use * 0.9, usual * 0.25, by_cover * 0.8, by_name * 0.6)
            if score < _LEAST_GROUP:
                continue
            told = [reason for _, reason in sorted(reasons, key=lambda pair: -pair[0])]
            if shared.home in catalogue.libraries:
                told.append(why("library", name=shared.home))
            yield Reuse(name=shared.name, home=shared.home, score=score, reasons=tuple(told))

    def _groups_to_reach(self) -> Iterator[Shared]:
        catalogue = self.catalogue
        yield from catalogue.groups.get(self.app, {}).values()
        seen = set(catalogue.groups.get(self.app, {}))
        for home in sorted(catalogue.libraries, reverse=True):
            for name, shared in catalogue.groups.get(home, {}).items():
                if name not in seen:
                    seen.add(name)
                    yield shared

    def _spoken(self, shared: Shared) -> tuple[float, str]:
        """Return how much the design's words speak of a group's name, and the words."""
        terms = {
            term.key: term.written for text in self._spoken_texts() for term in analyse(text).terms
        }
        keys = [key for key in analyse(shared.name).keys if key not in _VAGUE]
        met = [key for key in keys if key in terms]
        return (len(met) / len(keys) if keys else 0.0), ", ".join(terms[key] for key in met)

    def _spoken_texts(self) -> tuple[str, ...]:
        return (*self.texts, self.design.description)

    # --- properties

    def properties(self, groups: Iterable[Reuse], limit: int) -> list[PropertyProposal]:
        """Return the properties that like events have and this one has not."""
        catalogue = self.catalogue
        if not len(self.like):
            return []
        total = float(self.weights.sum())
        by_path: dict[int, tuple[float, int]] = {}
        best: dict[int, dict[int, float]] = {}
        path_of = catalogue.path_of_definitions()
        for number, weight in zip(self.like.tolist(), self.weights.tolist(), strict=True):
            known = catalogue.known(number)
            by_group = self._from_groups(known.app, known.groups)
            for definition in known.definitions:
                found_at = int(path_of[definition])
                if catalogue.paths[found_at] in by_group:
                    continue
                share, count = by_path.get(found_at, (0.0, 0))
                by_path[found_at] = share + weight, count + 1
                counts = best.setdefault(found_at, {})
                counts[definition] = counts.get(definition, 0.0) + weight
        in_groups = {
            path
            for reuse in groups
            if reuse.score >= _SURE_GROUP
            for path in _paths(catalogue.groups[reuse.home][reuse.name])
        }
        keys = {key for text in self._spoken_texts() for key in analyse(text).keys}
        found = []
        visible = max(1, int(self.visible.sum()))
        for number, (share, count) in by_path.items():
            path = catalogue.paths[number]
            if path in self.held or path in in_groups:
                continue
            name = analyse(path.partition(".")[2])
            met = [
                term.written for term in name.terms if term.key in keys and term.key not in _VAGUE
            ]
            spoken = len(met) / max(1, len(name.terms))
            rare = 1 - len(catalogue.events_of_path(number)) / (visible + 1)
            score = _together(share / total * (0.6 + 0.3 * max(0.0, rare)), spoken * 0.35)
            if score >= _LEAST_PROPERTY:
                found.append((score, path, number, count, met))
        found.sort(key=lambda one: (-one[0], one[1]))
        return [self._proposal(one, best) for one in found[:limit]]

    def _from_groups(self, app: str, groups: tuple[str, ...]) -> frozenset[str]:
        """Return the paths that an event has from groups this design could take, too."""
        found = self._group_paths.get((app, groups))
        if found is None:
            shared = [
                (self.catalogue.groups.get(self.app, {}).get(name) if app == self.app else None)
                or self._library_group(name)
                for name in groups
            ]
            found = frozenset(path for one in shared if one is not None for path in _paths(one))
            self._group_paths[app, groups] = found
        return found

    def _proposal(
        self,
        found: tuple[float, str, int, int, list[str]],
        best: dict[int, dict[int, float]],
    ) -> PropertyProposal:
        score, path, number, count, met = found
        counts = best[number]
        definition = max(counts, key=lambda one: (counts[one], -one))
        reasons = [why("used_by_like_events", n=count, of=len(self.like))]
        beside, share = self._beside(number)
        if beside is not None:
            reasons.append(why("goes_with", path=beside, share=share_in_words(share)))
        if met:
            reasons.append(why("mentioned", words=", ".join(met)))
        held = self.catalogue.events_of_path(number)
        return PropertyProposal(
            path=path,
            definition=self.catalogue.definition(definition)[1],
            used_by=int(self.visible[held].sum()),
            score=score,
            reasons=tuple(reasons),
        )

    def _beside(self, number: int) -> tuple[str | None, float]:
        """Return the chosen property that this one stands beside most often, and how often."""
        catalogue = self.catalogue
        here = catalogue.events_of_path(number)
        here = here[self.visible[here]]
        best: tuple[str | None, float] = (None, 0.3)
        mask = np.zeros(len(catalogue.events), np.bool_)
        mask[here] = True
        for path in self.design.properties:
            other = catalogue.path_number(path)
            if other is None:
                continue
            events = catalogue.events_of_path(other)
            events = events[self.visible[events]]
            if len(events):
                share = float(mask[events].mean())
                if share > best[1]:
                    best = path, share
        return best

    # --- types, and properties by another name

    def types(self) -> Iterator[Reuse]:
        """Yield the named types that properties of the design are, or are called like."""
        catalogue = self.catalogue
        homes = [self.app, *sorted(catalogue.libraries, reverse=True)]
        named = {
            name: shared
            for home in reversed(homes)
            for name, shared in catalogue.types.get(home, {}).items()
        }
        for path, written in self.design.properties.items():
            if isinstance(written, str) and written in named:
                continue
            if isinstance(written, dict) and written.get("type") in named:
                continue
            for shared in named.values():
                found = self._type(path, written, shared)
                if found is not None:
                    yield found

    def _type(self, path: str, written: Any, shared: Shared) -> Reuse | None:
        assert shared.shape is not None
        reasons: list[Why] = []
        exact = same_shape(written, shared.shape)
        n, of = (0, 0) if exact else shape_overlap(written, shared.shape)
        if exact:
            reasons.append(why("same_shape", path=path, name=shared.name))
        elif n:
            reasons.append(why("like_shape", path=path, name=shared.name, n=n, of=of))
        found = max(
            (likeness(path.rpartition(".")[2], text) for text in shared.texts),
            key=lambda one: one.score,
        )
        if found.score >= _LEAST_TYPE:
            reasons.append(why("name_like", name=shared.name, why=in_words(found)))
        elsewhere = self._has_type(path, shared)
        if elsewhere:
            reasons.append(why("type_elsewhere", path=path, n=elsewhere))
        by_name = found.score if found.score >= _LEAST_TYPE else 0.0
        compatible = exact or n or not _says_more(written, shared.shape)
        score = _together(
            0.9 if exact else 0.6 * n / of if of else 0.0,
            by_name * (0.7 if compatible else 0.2),
            min(1.0, elsewhere / 3) * (0.7 if compatible else 0.2),
        )
        if score < _LEAST_TYPE:
            return None
        if shared.home in self.catalogue.libraries:
            reasons.append(why("library", name=shared.home))
        return Reuse(
            name=shared.name, home=shared.home, score=score, reasons=tuple(reasons), path=path
        )

    def _has_type(self, path: str, shared: Shared) -> int:
        """Return how many like events have the property with the shape of a type."""
        catalogue = self.catalogue
        number = catalogue.path_number(path)
        if number is None or shared.shape is None:
            return 0
        count = 0
        for event in self.like[:50].tolist():
            for definition in catalogue.known(event).definitions:
                if catalogue.path_number_of(definition) == number and same_shape(
                    catalogue.definition(definition)[1], shared.shape
                ):
                    count += 1
        return count

    def same_properties(self) -> Iterator[SameProperty]:
        """Yield the properties of the design that others call by another name."""
        catalogue = self.catalogue
        for path in self.design.properties:
            namespace, _, name = path.partition(".")
            known = catalogue.path_number(path)
            mine = self._uses(known) if known is not None else 0
            rough = catalogue.path_names.scores((name,))
            most = min(_RESCORED // 2, len(rough))
            if not most:
                continue
            best: SameProperty | None = None
            for number in np.argpartition(-rough, most - 1)[:most].tolist():
                other = catalogue.paths[number]
                if (
                    rough[number] <= 0
                    or other in self.held
                    or not other.startswith(namespace + ".")
                ):
                    continue
                found = likeness(name, other.partition(".")[2])
                uses = self._uses(number) if found.score >= SAME_PROPERTY else 0
                if uses <= mine:
                    continue
                if best is None or (found.score, uses) > (best.score, best.used_by):
                    reasons = (
                        why("name_like", name=other, why=in_words(found)),
                        why("more_used", n=uses),
                    )
                    best = SameProperty(
                        path=path, like=other, used_by=uses, score=found.score, reasons=reasons
                    )
            if best is not None:
                yield best

    def _uses(self, number: int) -> int:
        return int(self.visible[self.catalogue.events_of_path(number)].sum())


_VAGUE: Final = frozenset(
    ["event", "common", "base", "info", "data", "detail", "list", "item", "page", "user"]
)


def _paths(shared: Shared) -> list[str]:
    return [
        f"{namespace}.{name}"
        for namespace, properties in shared.properties.items()
        for name in properties
    ]


def _together(*parts: float) -> float:
    """Return how sure several independent signs make, 0 to 1 (noisy or)."""
    unsure = 1.0
    for part in parts:
        unsure *= 1 - min(max(part, 0.0), 0.99)
    return round(1 - unsure, 3)


def _says_more(written: Any, shape: Property) -> bool:
    """Say whether what is written contradicts a type: it names another one."""
    kind = written.get("type") if isinstance(written, dict) else written
    return isinstance(kind, str) and kind not in shape.type
