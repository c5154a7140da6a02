"""The text of a generated function: numbered variables, constants by name, what is known where.

No text of a user reaches the source: names, literals and patterns go in through the namespace.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any, Final
from weakref import WeakValueDictionary

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

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self._lines: list[str] = []
        self._first: dict[str, str] = {}
        self._depth = 2
        self._count = 0
        self._known: list[dict[Hashable, Value]] = [{}]
        self._names: dict[Hashable, str] = {}  # of constants

    def text(self, inner: str) -> str:
        """Return the source of a function ``bind`` that returns the function ``run``."""
        first = [f" {name} = {formula}" for name, formula in self._first.items()]
        outer = ", ".join(("d", "batch", *self.constants))
        lines = self._lines or ["  pass"]
        return "\n".join(
            [f"def bind({outer}):", *first, f" def {inner}:", *lines, " return run", ""]
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
        """Return the variable that holds a constant, one for all that are the same."""
        value = shared(value)
        key = (type(value), value) if isinstance(value, str | int) else id(value)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self.literal(value)
        return name

    def literal(self, value: Any) -> str:
        """Return a variable of its own for a constant.

        So rules that differ in such constants alone become the same source.
        """
        name = f"k{len(self.constants)}"
        self.constants[name] = shared(value)
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


_codes: Final[WeakValueDictionary[bytes, CodeType]] = WeakValueDictionary()
_SHARED: Final = 40  # constants; sources of more are hardly ever the same
_NAME: Final = re.compile(r"\bk[0-9]+\b")


def compiled(
    text: str, constants: Mapping[str, Any], names: dict[str, Any]
) -> Callable[..., Callable[..., None]]:
    """Return the function ``bind`` of a source, with its constants.

    What has the same source has the same code: it is compiled once, and stays in the processor's cache.
    Of much source the constants become constants of the code itself, which takes the least room.
    """
    values = tuple(constants.values())
    if len(constants) > _SHARED:
        placed = {name: value for name, value in constants.items() if not callable(value)}
        # What is called stays a variable: Python warns of calling a constant.
        first, line, rest = text.partition("\n")
        rest = _NAME.sub(lambda n: f"'\\0{n[0]}'" if n[0] in placed else n[0], rest)
        code = _code_of(first + line + rest)
        code = _with_constants(code, {f"\0{name}": value for name, value in placed.items()})
    else:
        digest = blake2b(text.encode(), digest_size=16).digest()
        found = _codes.get(digest)
        code = _code_of(text) if found is None else found
        _codes[digest] = code
    bind = FunctionType(code, names)
    return lambda directory, batch: bind(directory, batch, *values)


def _code_of(text: str) -> CodeType:
    module = compile(text, "<rules>", "exec")
    return _bare(next(part for part in module.co_consts if isinstance(part, CodeType)))


def _bare(code: CodeType) -> CodeType:
    """Return code with a table that names one line for all of it: a third less to hold."""
    inner = (_bare(part) if isinstance(part, CodeType) else part for part in code.co_consts)
    units = len(code.co_code) // 2
    # PEP 626's table as of 3.11: each entry has up to eight units; kind 13 has a line and no columns.
    entries = [min(8, units - start) for start in range(0, units, 8)]
    table = b"".join(bytes((0x80 | 13 << 3 | size - 1, 0)) for size in entries)
    return code.replace(co_linetable=table, co_consts=tuple(inner))


def _with_constants(code: CodeType, values: Mapping[str, Any]) -> CodeType:
    def replaced(constant: Any) -> Any:
        if isinstance(constant, CodeType):
            return _with_constants(constant, values)
        if isinstance(constant, tuple):
            return tuple(map(replaced, constant))
        return values.get(constant, constant) if isinstance(constant, str) else constant

    return code.replace(co_consts=tuple(map(replaced, code.co_consts)))
