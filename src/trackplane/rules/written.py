"""A rule's actions as an author would write them: IR back to the keys of a rule file.

``rename``, ``mask``, ``pseudonymise`` and ``tag`` are known by the shapes they became.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from trackplane.errors import InputError
from trackplane.rules.ir import (
    Action,
    Assignment,
    Call,
    Drop,
    Explode,
    Expression,
    Keep,
    Literal,
    Path,
    Route,
    Sample,
    Script,
    Select,
    Set,
    Unset,
)
from trackplane.rules.load_actions import ACTION_KEYS, CHANGES

_PROTECTING: Final = {"mask": "mask", "pseudonym": "pseudonymise"}
_ID: Final = ("", ("id",))
Print = Callable[[Expression], str]


class FormatError(InputError):
    """The front end asked for cannot say what the rule does."""

    code = "format"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One action with its texts, as ``trackplane.rules.source.WrittenAction`` has it."""

    kind: str
    value: str | None = None
    values: dict[str, str] = {}
    paths: tuple[str, ...] = ()
    item: str = ""
    rate: float = 1.0


def parts_of(actions: Sequence[Action], text: Print) -> list[Part]:
    """Return the actions as written, the ``keep`` that need not be written left out.

    Raises:
        FormatError: there is a ``window``, or a ``set`` that nothing written becomes.
    """
    found = list(_parts(actions, text))
    kinds = {part.kind for part in found}
    if "keep" in kinds and not kinds.isdisjoint((*CHANGES, "script")):
        found = [part for part in found if part.kind != "keep"]
    return found


def in_order(parts: Sequence[Part]) -> bool:
    """Say whether the actions can stand as keys of the rule, not as a list under ``do``."""
    kinds = [part.kind for part in parts]
    changes = [kind for kind in kinds if kind in CHANGES]
    return len(changes) < 2 and kinds == [key for key in ACTION_KEYS if key in kinds]


def _parts(actions: Sequence[Action], text: Print) -> Iterator[Part]:
    index = 0
    while index < len(actions):
        action = actions[index]
        after = actions[index + 1] if index + 1 < len(actions) else None
        renamed = _renamed(action, after)
        if renamed is not None:
            index += 1
            yield renamed
        else:
            yield _part(action, text)
        index += 1


def _part(action: Action, text: Print) -> Part:
    match action:
        case Drop(when=when):
            return Part(kind="drop", value=text(when))
        case Sample(rate=rate, key=key):
            own = isinstance(key, Path) and (key.root, key.parts) == _ID
            return Part(kind="sample", rate=rate, value=None if own else text(key))
        case Explode(over=over, name=name):
            return Part(kind="explode", value=text(over), item=name)
        case Route(by=by, targets=targets):
            return Part(kind="route", value=text(by), values=dict(targets))
        case Unset(paths=paths):
            return Part(kind="unset", paths=paths)
        case Select(columns=columns):
            values = {column.name: text(column.value) for column in columns}
            return Part(kind="select", values=values)
        case Keep():
            return Part(kind="keep")
        case Script(name=name):
            return Part(kind="script", value=name)
        case Set(values=values):
            return _set(values, text)
    raise FormatError(f"{type(action).__name__.lower()} cannot be written")


def _set(values: tuple[Assignment, ...], text: Print) -> Part:
    if not any(each.skip_null for each in values):
        texts = {f"{each.root}.{each.name}": text(each.value) for each in values}
        return Part(kind="set", values=texts)
    protected = [_protected(each) for each in values]
    kinds = {found[0] for found in protected if found is not None}
    if len(kinds) == 1 and None not in protected:
        pairs = {path: argument for _, path, argument in filter(None, protected)}
        return Part(kind=kinds.pop(), values=pairs)
    tags = _tags(values, text)
    if tags:
        return Part(kind="tag", values=tags)
    names = ", ".join(f"{each.root}.{each.name}" for each in values)
    raise FormatError(f"a set of {names} that leaves them where it is NULL cannot be written")


def _protected(each: Assignment) -> tuple[str, str, str] | None:
    """Return the action, the property and the method or key of ``what.e = mask(what.e, "…")``."""
    value = each.value
    if not each.skip_null or not isinstance(value, Call) or value.function not in _PROTECTING:
        return None
    first, second = value.args
    itself = isinstance(first, Path) and (first.root, first.parts) == (each.root, (each.name,))
    if not itself or not isinstance(second, Literal):
        return None
    return _PROTECTING[value.function], f"{each.root}.{each.name}", str(second.value)


def _tags(values: tuple[Assignment, ...], text: Print) -> dict[str, str]:
    """Return the labels and conditions of ``what.$tags = tag(tag(what.$tags, "…", …), …)``."""
    found: list[tuple[str, str]] = []
    value: Expression = values[0].value
    while isinstance(value, Call) and value.function == "tag":
        value, label, when = value.args
        if not isinstance(label, Literal):
            return {}
        found.append((str(label.value), text(when)))
    tags = isinstance(value, Path) and (value.root, value.parts) == ("what", ("$tags",))
    own = (len(values), values[0].root, values[0].name) == (1, "what", "$tags")
    unique = len({label for label, _ in found}) == len(found)
    return dict(reversed(found)) if tags and own and unique else {}


def _renamed(action: Action, after: Action | None) -> Part | None:
    if not isinstance(action, Set) or not isinstance(after, Unset):
        return None
    pairs: dict[str, str] = {}
    for each in action.values:
        value = each.value
        whole = isinstance(value, Path) and value.root and len(value.parts) == 1
        if not each.skip_null or not whole or not isinstance(value, Path):
            return None
        pairs[f"{value.root}.{value.parts[0]}"] = f"{each.root}.{each.name}"
    if tuple(pairs) != after.paths or len(pairs) != len(action.values):
        return None
    return Part(kind="rename", values=pairs)
