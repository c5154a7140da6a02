"""What a design could reuse: groups and properties that like events have, and named types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import numpy as np

from trackplane.assist.catalogue import Shared
from trackplane.assist.question import VAGUE, Question, paths_of_group, together
from trackplane.assist.reasons import Why, in_words, share_in_words, why
from trackplane.assist.shapes import same_shape, shape_overlap
from trackplane.plan.model import Property
from trackplane.wording import analyse, likeness

_LEAST_GROUP: Final = 0.3
_SURE_GROUP: Final = 0.5  # what such a group has is not proposed by itself
_LEAST_PROPERTY: Final = 0.12
_LEAST_TYPE: Final = 0.5


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


class Reuses:
    """Finds groups, properties and types to reuse."""

    def __init__(self, asked: Question) -> None:
        self._asked = asked
        self._group_paths: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}

    def groups(self) -> Iterator[Reuse]:
        """Yield the groups of the app and of libraries that such an event has."""
        catalogue = self._asked.catalogue
        total = float(self._asked.weights.sum())
        used: dict[str, tuple[float, int]] = {}
        for number, weight in zip(
            self._asked.like.tolist(), self._asked.weights.tolist(), strict=True
        ):
            for name in catalogue.known(number).groups:
                share, count = used.get(name, (0.0, 0))
                used[name] = share + weight, count + 1
        own = list(catalogue.of_app(self._asked.app))
        here = len(own)
        for shared in self._groups_to_reach():
            if shared.name in self._asked.design.groups:
                continue
            paths = paths_of_group(shared)
            reasons: list[tuple[float, Why]] = []
            share, count = used.get(shared.name, (0.0, 0))
            by_use = self._asked.sureness * share / total if total else 0.0
            if by_use > 0:
                reasons.append(
                    (by_use, why("used_by_like_events", n=count, of=len(self._asked.like)))
                )
            usual = sum(shared.name in known.groups for known in own) / here if here else 0.0
            if usual >= 0.3:
                reasons.append(
                    (
                        usual * 0.5,
                        why("usual_here", share=share_in_words(usual), app=self._asked.app),
                    )
                )
            covered = [path for path in paths if path in self._asked.design.properties]
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
            score = together(by_use * 0.9, usual * 0.25, by_cover * 0.8, by_name * 0.6)
            if score < _LEAST_GROUP:
                continue
            told = [reason for _, reason in sorted(reasons, key=lambda pair: -pair[0])]
            if shared.home in catalogue.libraries:
                told.append(why("library", name=shared.home))
            yield Reuse(name=shared.name, home=shared.home, score=score, reasons=tuple(told))

    def _groups_to_reach(self) -> Iterator[Shared]:
        catalogue = self._asked.catalogue
        yield from catalogue.groups.get(self._asked.app, {}).values()
        seen = set(catalogue.groups.get(self._asked.app, {}))
        for home in sorted(catalogue.libraries, reverse=True):
            for name, shared in catalogue.groups.get(home, {}).items():
                if name not in seen:
                    seen.add(name)
                    yield shared

    def _spoken(self, shared: Shared) -> tuple[float, str]:
        """Return how much the design's words speak of a group's name, and the words."""
        terms = {
            term.key: term.written
            for text in self._asked.spoken_texts()
            for term in analyse(text).terms
        }
        keys = [key for key in analyse(shared.name).keys if key not in VAGUE]
        met = [key for key in keys if key in terms]
        return (len(met) / len(keys) if keys else 0.0), ", ".join(terms[key] for key in met)

    def properties(self, groups: Iterable[Reuse], limit: int) -> list[PropertyProposal]:
        """Return the properties that like events have and this one has not."""
        catalogue = self._asked.catalogue
        if not len(self._asked.like):
            return []
        total = float(self._asked.weights.sum())
        by_path: dict[int, tuple[float, int]] = {}
        best: dict[int, dict[int, float]] = {}
        path_of = catalogue.path_of_definitions()
        for number, weight in zip(
            self._asked.like.tolist(), self._asked.weights.tolist(), strict=True
        ):
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
            for path in paths_of_group(catalogue.groups[reuse.home][reuse.name])
        }
        keys = {key for text in self._asked.spoken_texts() for key in analyse(text).keys}
        found = []
        visible = max(1, int(self._asked.visible.sum()))
        for number, (share, count) in by_path.items():
            path = catalogue.paths[number]
            if path in self._asked.held or path in in_groups:
                continue
            name = analyse(path.partition(".")[2])
            met = [
                term.written for term in name.terms if term.key in keys and term.key not in VAGUE
            ]
            spoken = len(met) / max(1, len(name.terms))
            rare = 1 - self._asked.uses(number) / (visible + 1)
            score = together(
                self._asked.sureness * share / total * (0.6 + 0.3 * max(0.0, rare)), spoken * 0.35
            )
            if score >= _LEAST_PROPERTY:
                found.append((score, path, number, count, met))
        found.sort(key=lambda one: (-one[0], one[1]))
        return [self._proposal(one, best) for one in found[:limit]]

    def _from_groups(self, app: str, groups: tuple[str, ...]) -> frozenset[str]:
        """Return the paths that an event has from groups this design could take, too."""
        found = self._group_paths.get((app, groups))
        if found is None:
            shared = [
                (
                    self._asked.catalogue.groups.get(self._asked.app, {}).get(name)
                    if app == self._asked.app
                    else None
                )
                or self._asked.library_group(name)
                for name in groups
            ]
            found = frozenset(
                path for one in shared if one is not None for path in paths_of_group(one)
            )
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
        reasons = [why("used_by_like_events", n=count, of=len(self._asked.like))]
        beside, share = self._beside(number)
        if beside is not None:
            reasons.append(why("goes_with", path=beside, share=share_in_words(share)))
        if met:
            reasons.append(why("mentioned", words=", ".join(met)))
        held = self._asked.catalogue.events_of_path(number)
        return PropertyProposal(
            path=path,
            definition=self._asked.catalogue.definition(definition)[1],
            used_by=int(self._asked.visible[held].sum()),
            score=score,
            reasons=tuple(reasons),
        )

    def _beside(self, number: int) -> tuple[str | None, float]:
        """Return the chosen property that this one stands beside most often, and how often."""
        catalogue = self._asked.catalogue
        here = catalogue.events_of_path(number)
        here = here[self._asked.visible[here]]
        best: tuple[str | None, float] = (None, 0.3)
        mask = np.zeros(len(catalogue.events), np.bool_)
        mask[here] = True
        for path in self._asked.design.properties:
            other = catalogue.path_number(path)
            if other is None:
                continue
            events = catalogue.events_of_path(other)
            events = events[self._asked.visible[events]]
            if len(events):
                share = float(mask[events].mean())
                if share > best[1]:
                    best = path, share
        return best

    def types(self) -> Iterator[Reuse]:
        """Yield the named types that properties of the design are, or are called like."""
        catalogue = self._asked.catalogue
        homes = [self._asked.app, *sorted(catalogue.libraries, reverse=True)]
        named = {
            name: shared
            for home in reversed(homes)
            for name, shared in catalogue.types.get(home, {}).items()
        }
        for path, written in self._asked.design.properties.items():
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
        score = together(
            0.9 if exact else 0.6 * n / of if of else 0.0,
            by_name * (0.7 if compatible else 0.2),
            min(1.0, elsewhere / 3) * (0.7 if compatible else 0.2),
        )
        if score < _LEAST_TYPE:
            return None
        if shared.home in self._asked.catalogue.libraries:
            reasons.append(why("library", name=shared.home))
        return Reuse(
            name=shared.name, home=shared.home, score=score, reasons=tuple(reasons), path=path
        )

    def _has_type(self, path: str, shared: Shared) -> int:
        """Return how many like events have the property with the shape of a type."""
        catalogue = self._asked.catalogue
        number = catalogue.path_number(path)
        if number is None or shared.shape is None:
            return 0
        count = 0
        for event in self._asked.like[:50].tolist():
            for definition in catalogue.known(event).definitions:
                if catalogue.path_number_of(definition) == number and same_shape(
                    catalogue.definition(definition)[1], shared.shape
                ):
                    count += 1
        return count


def _says_more(written: Any, shape: Property) -> bool:
    """Say whether what is written contradicts a type: it names another one."""
    kind = written.get("type") if isinstance(written, dict) else written
    return isinstance(kind, str) and kind not in shape.type
