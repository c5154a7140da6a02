"""Events to rules by value: from a batch's decoded events and the nodes of their place to leaves.

A *leaf* is a set of rules that some events of the batch are to be tried on. An event meets a rule at
most once: rules that stand in several branches are collected by event first. An event of which a
property is an ERROR, or may be, is looked up alone, by everything that may fail on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from trackplane.engine.access import AccessPath
from trackplane.engine.decoding import Decoded
from trackplane.engine.demand import Demand, Mode
from trackplane.engine.directory import Directory
from trackplane.engine.index import KNOWN, Names, Node
from trackplane.engine.reading import Column, column, is_stamped, may_fail
from trackplane.engine.ruleset import Place
from trackplane.engine.values import Failure

LeafKey = tuple[Names, str | None, str, str]  # rules, the event they stand under, app, env
_SAMPLED: Final = 64  # events of a place looked at in a sampled batch


class Lookup:
    """Collects the leaves of a batch."""

    def __init__(self, directory: Directory, *, sampled: bool) -> None:
        self.leaves: defaultdict[LeafKey, list[int]] = defaultdict(list)
        self._directory = directory
        self._sampled = sampled

    def add(self, place: Place, mode: Mode, events: Decoded) -> None:
        """Look up some events of a place, decoded with all that its nodes read."""
        demand = place.bucket.demand
        columns = _Columns(demand, mode, events, self._directory)
        odd = self._odd(place, demand, mode, columns)
        usual: Sequence[int] = range(len(events))
        if odd:
            usual = [number for number in usual if number not in odd]
        for node, event in place.nodes:
            found = _Found()
            _walk(node, columns, usual, found)
            for number in odd:
                self._look_closely(node, columns, number, found)
            if self._sampled:
                self._observe(node, columns)
            self._take(found, place, event, events.numbers)

    def _take(self, found: _Found, place: Place, event: str | None, numbers: Sequence[int]) -> None:
        app, env = place.app, place.env
        for names, places in found.leaves.items():
            self.leaves[names, event, app, env] += [numbers[index] for index in places]
        together: dict[tuple[Names, ...], Names] = {}
        for index, some in found.shared.items():
            key = tuple(some)
            if key not in together:
                united = {name for part in key for name in part} - place.direct
                together[key] = tuple(sorted(united))
            if together[key]:
                self.leaves[together[key], event, app, env].append(numbers[index])

    def _odd(self, place: Place, demand: Demand, mode: Mode, columns: _Columns) -> dict[int, None]:
        """Return the events of which a property that the nodes read is an ERROR."""
        paths = {path: None for node, _ in place.nodes for path in node.reads}
        found: dict[int, None] = {}
        for path in paths:
            if is_stamped(path) or (mode != "loose" and not may_fail(path, demand)):
                continue
            for number, value in enumerate(columns[path]):
                if value.__class__ is Failure:
                    found[number] = None
        return found

    def _look_closely(self, node: Node, columns: _Columns, number: int, found: _Found) -> None:
        values = {path: columns[path][number] for path in node.reads}
        errors = frozenset(path for path, v in values.items() if v.__class__ is Failure)
        unknown = errors | {path for path, value in values.items() if value is None}
        waiting = [node]
        while waiting:
            here = waiting.pop()
            missed = here.missed(errors, unknown)
            if missed:
                found.shared[number].append(missed)
            for path, branch in here.branches.items():
                if (here is node and path in KNOWN) or path in errors:
                    continue
                postings, shared = branch.found(columns[path][number])
                found.shared[number] += shared
                for posting in postings:
                    if isinstance(posting, Node):
                        waiting.append(posting)
                        found.shared[number].append(posting.names)
                    else:
                        found.shared[number].append(posting)

    def _observe(self, node: Node, columns: _Columns) -> None:
        count = min(_SAMPLED, columns.count)
        values = {
            path: [value for value in columns[path][:count] if value.__class__ is not Failure]
            for path in node.plan.constants
            if path in node.reads
        }
        node.observed.add(values, count)


class _Found:
    """Leaves with the places of their events in what was decoded; by event, what is shared."""

    def __init__(self) -> None:
        self.leaves: defaultdict[Names, list[int]] = defaultdict(list)
        self.shared: defaultdict[int, list[Names]] = defaultdict(list)


class _Columns(Mapping[AccessPath, Column]):
    """The values of properties, read when asked for."""

    def __init__(self, demand: Demand, mode: Mode, events: Decoded, directory: Directory) -> None:
        self.count = len(events)
        self._source = demand, mode, events, directory
        self._read: dict[AccessPath, Column] = {}

    def __getitem__(self, path: AccessPath) -> Column:
        found = self._read.get(path)
        if found is None:
            found = self._read[path] = column(path, *self._source)
        return found

    def __iter__(self) -> Iterator[AccessPath]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


def _walk(
    node: Node, columns: _Columns, places: Sequence[int], found: _Found, *, at_top: bool = True
) -> None:
    """Look up events of which no property is an ERROR.

    What the place's name, app and environment decide at its top nodes was decided with the place.
    """
    for path, branch in node.branches.items():
        if at_top and path in KNOWN:
            continue
        values = columns[path]
        groups: dict[Any, list[int]] = {}
        for place in places:
            value = values[place]
            group = groups.get(value)
            if group is None:
                groups[value] = [place]
            else:
                group.append(place)
        for value, group in groups.items():
            postings, shared = branch.found(value)
            for posting in postings:
                if posting.__class__ is tuple:
                    found.leaves[posting] += group
                    continue
                assert isinstance(posting, Node)
                if posting.names:
                    found.leaves[posting.names] += group
                _walk(posting, columns, group, found, at_top=False)
            for names in shared:
                for place in group:
                    found.shared[place].append(names)
