"""Flattened names: what SQL and generated code make of a property's path, and where two collide."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from trackplane.event import BUILT_IN
from trackplane.plan.model import Properties, Property
from trackplane.plan.names import code_name, skeleton

# Every event has these, planned or not: who_user_id, where_page, ...
_BUILT_IN: Final = {
    code_name(path.replace(".", "_")): path for path in BUILT_IN if path.count(".") == 1
}
_REMEMBERED: Final = 100_000


class FlatNames:
    """Finds properties of an event whose flattened names collide; remembers names and shapes."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._forms: dict[str, tuple[str, str]] = {}
        self._leaves: dict[int, tuple[Property, list[tuple[str, str]]]] = {}  # by id, kept alive

    def collisions(self, properties: Properties) -> Iterator[tuple[str, str, str]]:
        """Yield (path, other path, flattened name) of each property that collides."""
        seen: dict[str, str] = {}
        for namespace, members in properties.items():
            for name, shape in members.items():
                flat = self._flat(namespace, name)
                path = f"{namespace}.{name}"
                built_in = _BUILT_IN.get(flat)
                if built_in is not None and built_in != path:
                    yield path, built_in, flat
                if shape.properties is None:
                    if (other := seen.setdefault(flat, path)) != path:
                        yield path, other, flat
                    continue
                for leaf, lower_leaf in self._leaves_of(shape):
                    inner = f"{path}.{leaf}"
                    lower = f"{flat}_{lower_leaf}"
                    if (other := seen.setdefault(lower, inner)) != inner:
                        yield path, other, lower

    def surely_apart(self, names: Collection[str]) -> bool:
        """Say whether neither people nor code could mix up any two names of one object."""
        looks, forms = set(), set()
        for name in names:
            form = self._forms.get(name)
            if form is None:
                if len(self._forms) >= _REMEMBERED:
                    self._forms.clear()
                form = self._forms[name] = skeleton(name), code_name(name)
            looks.add(form[0])
            forms.add(form[1])
        return len(forms) == len(looks) == len(names)

    def _flat(self, namespace: str, name: str) -> str:
        found = self._names.get((namespace, name))
        if found is None:
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            found = self._names[namespace, name] = f"{namespace}_{code_name(name)}"
        return found

    def _leaves_of(self, shape: Property) -> list[tuple[str, str]]:
        held = self._leaves.get(id(shape))
        if held is None:
            if len(self._leaves) >= _REMEMBERED:
                self._leaves.clear()
            leaves = [(leaf, code_name(leaf)) for leaf in _leaves(shape.properties or {})]
            held = self._leaves[id(shape)] = shape, leaves
        return held[1]


def _leaves(properties: Mapping[str, Property]) -> Iterator[str]:
    for name, shape in properties.items():
        if shape.properties:
            yield from (f"{name}.{leaf}" for leaf in _leaves(shape.properties))
        else:
            yield name
