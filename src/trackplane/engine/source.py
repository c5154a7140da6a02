"""The text of a generated function: numbered variables, constants by name, what is known where.

No text of a user reaches the source: names, literals and patterns go in through the namespace.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType
from typing import Any, Final

import msgspec

from trackplane.errors import TrackplaneError


class GenerateError(TrackplaneError):
    """A rule's IR has something that this engine cannot run."""

    code = "engine_rule"


class Value(msgspec.Struct, frozen=True):
    """What a node became: a Python atom, and whether it can be NULL or an ERROR at run time."""

    atom: str
    null: bool
    error: bool


NULL = Value("None", True, False)


def shared(value: Any) -> Any:
    """Return an equal constant that other functions have too: one stays in the processor's cache."""
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, frozenset):
        return _shared(frozenset(map(shared, value)), frozenset)
    if isinstance(value, float) and value:  # 0.0 and -0.0 are equal
        return _shared(value, float)
    return value


@lru_cache(maxsize=4_096)
def _shared(value: Any, _: type) -> Any:
    return value


class Source:
    """A function's lines as they are written; blocks are scopes of what was computed in them.

    It is an inner function: what is ``first`` is done once for a batch, around it.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self._lines: list[str] = []
        self._first: dict[str, str] = {}
        self._depth = 2
        self._count = 0
        self._known: list[dict[Hashable, Value]] = [{}]
        self._constants: dict[Hashable, str] = {}

    def text(self, outer: str, inner: str) -> str:
        """Return the source of a function that returns the function."""
        first = [f" {name} = {formula}" for name, formula in self._first.items()]
        return (
            "\n".join(
                [
                    f"def {outer}:",
                    *first,
                    f" def {inner}:",
                    *(self._lines or ["  pass"]),
                    " return run",
                ]
            )
            + "\n"
        )

    def line(self, text: str) -> None:
        """Add a line here."""
        self._lines.append(" " * self._depth + text)

    def first(self, name: str, formula: str) -> str:
        """Assign around the function, once; return the name."""
        self._first.setdefault(name, formula)
        return name

    def fresh(self) -> str:
        """Return a new variable."""
        self._count += 1
        return f"v{self._count}"

    def assign(self, formula: str) -> str:
        """Assign to a new variable."""
        atom = self.fresh()
        self.line(f"{atom} = {formula}")
        return atom

    def constant(self, value: Any) -> str:
        """Return the name that a value has in the function's namespace."""
        value = shared(value)
        key = (type(value), value) if isinstance(value, str | int) else id(value)
        name = self._constants.get(key)
        if name is None:
            name = self._constants[key] = f"k{len(self._constants)}"
            self.names[name] = value
        return name

    def known(self, key: Hashable) -> Value | None:
        """Return what was computed before for a key, in this block or around it."""
        for scope in reversed(self._known):
            if key in scope:
                return scope[key]
        return None

    def learn(self, key: Hashable, value: Value) -> Value:
        """Note what was computed for a key, for the rest of this block."""
        self._known[-1][key] = value
        return value

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Forget at the end what is learnt inside."""
        self._known.append({})
        yield
        self._known.pop()

    @contextmanager
    def block(self) -> Iterator[None]:
        """Indent, and forget at the end what is learnt inside."""
        self._depth += 1
        with self.scope():
            before = len(self._lines)
            yield
            if len(self._lines) == before:
                self.line("pass")
        self._depth -= 1

    def mark(self) -> int:
        """Return a mark to ``back`` to."""
        return len(self._lines)

    def back(self, mark: int) -> None:
        """Take away the lines since a mark; what was learnt since must be forgotten already."""
        del self._lines[mark:]


def compiled(text: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run a source with these names, and return them with what it defines.

    Constants become constants of the code, which is smaller and faster than looking names up: a rule's
    code is mostly run cold.
    """
    placed = {name: value for name, value in names.items() if _is_constant(name, value)}
    text = _NAME.sub(lambda found: _placeholder(found[0]) if found[0] in placed else found[0], text)
    code = compile(text, "<rules>", "exec")
    by_placeholder = {f"\0{name}": value for name, value in placed.items()}
    exec(_with_constants(code, by_placeholder), names)  # noqa: S102 of numbered variables only
    return names


_NAME: Final = re.compile(r"\bk[0-9]+\b")


def _is_constant(name: str, value: Any) -> bool:
    # What is called stays a name: Python warns of calling a constant.
    return _NAME.fullmatch(name) is not None and not callable(value)


def _placeholder(name: str) -> str:
    return f"'\\0{name}'"


def _with_constants(code: CodeType, values: dict[str, Any]) -> CodeType:
    def replaced(constant: Any) -> Any:
        if isinstance(constant, CodeType):
            return _with_constants(constant, values)
        if isinstance(constant, tuple):
            return tuple(map(replaced, constant))
        return values.get(constant, constant) if isinstance(constant, str) else constant

    return code.replace(co_consts=tuple(map(replaced, code.co_consts)))
