"""The isolated side of one script: batches in on descriptor 0, answers out on descriptor 1.

A message is a big-endian uint32 length, a uint32 number, and a JSON body. The first is the script's
text (a JSON string), answered by ``null`` or a ``Flaw``; each other a list of events, answered by a list with an entry an
event: a list of rows, or a flaw. Whatever is done to this process, its answers are only ever read
as data. Message texts of exceptions stay here: they may quote an event.
"""

from __future__ import annotations

import builtins
import codecs
import gc
import importlib
import os
import struct
import sys
import types
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from trackplane.rules.script_modules import ABSENT_BUILTINS, ENTRIES, MODULES, PARENTS

FILE: Final = "<script>"
HEADER: Final = struct.Struct(">II")
_CODECS: Final = (
    *("ascii", "latin-1", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"),
    *("utf-32-le", "utf-32-be", "cp1252", "gb18030", "shift_jis", "idna", "punycode"),
    *("hex", "base64", "unicode_escape", "raw_unicode_escape"),
)
# What modules of the standard library import while a script calls them, under its import.
_INNER: Final = frozenset({"time", "_strptime"})
# What scripts have no use for and attackers do: out of reach of a plain ``sys.modules``.
_HIDDEN: Final = ("ctypes", "_ctypes", "pyseccomp", "socket", "_socket", "subprocess", "select")
_READ: Final = 1 << 20


class Flaw(msgspec.Struct, frozen=True):
    """What an event met: the exception's type and the script's line (0: unknown)."""

    error: str
    line: int


def prepare() -> None:
    """Load all that scripts may need later: after the lock no file can be opened."""
    for name in _CODECS:
        codecs.lookup(name)
    for name in sorted(MODULES):
        importlib.import_module(name)
    datetime.strptime("2026-01-01 +0000", "%Y-%m-%d %z")  # imports its parser when first called
    "x".encode("idna")
    gc.collect()
    gc.freeze()


def hide() -> None:
    """Take modules that reach outside out of ``sys.modules``. The kernel refuses their calls anyway."""
    for name in list(sys.modules):
        if name.partition(".")[0] in _HIDDEN:
            del sys.modules[name]
    sys.path[:] = []
    sys.meta_path[:] = []
    sys.path_hooks[:] = []


class _Channel:
    """Keeps the channel's calls, whatever a script does to ``os``."""

    def __init__(self) -> None:
        self.read = os.read
        self.write = os.write
        self.join = b"".join


def serve() -> None:
    """Load one script and answer batches until the requests end."""
    channel = _Channel()
    encode = msgspec.json.Encoder().encode
    decode = msgspec.json.Decoder().decode
    number, body = _receive(channel)
    loaded = _load(msgspec.json.decode(body, type=str))
    if isinstance(loaded, Flaw):
        _send(channel, number, encode(loaded))
        return
    _send(channel, number, b"null")
    answer = _batches if loaded[1] else _events
    while True:
        number, body = _receive(channel)
        parts = answer(loaded[0], body, decode, encode)
        _send(channel, number, b"[" + channel.join([b"," + part for part in parts])[1:] + b"]")


def _receive(channel: _Channel) -> tuple[int, bytes]:
    size, number = HEADER.unpack(_exactly(channel, HEADER.size))
    return number, _exactly(channel, size)


def _exactly(channel: _Channel, size: int) -> bytes:
    parts = []
    while size:
        part = channel.read(0, min(size, _READ))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _send(channel: _Channel, number: int, body: bytes) -> None:
    rest = memoryview(HEADER.pack(len(body), number) + body)
    while rest:
        rest = rest[channel.write(1, rest) :]


def _load(text: str) -> tuple[Callable[[Any], Any], bool] | Flaw:
    """Run the script's text; return its function and whether that takes whole batches."""
    names: dict[str, Any] = {"__name__": "script", "__builtins__": _builtins()}
    try:
        exec(compile(text, FILE, "exec", dont_inherit=True), names)  # noqa: S102 isolated by now
    except BaseException as error:  # noqa: BLE001 whatever it raises is its author's to mend
        return _flaw(error)
    for entry in ENTRIES:
        found = names.get(entry)
        if callable(found):
            return found, entry == ENTRIES[1]
    return Flaw("NoTransform", 0)


def _builtins() -> dict[str, Any]:
    names = {k: v for k, v in vars(builtins).items() if k not in ABSENT_BUILTINS}
    names["__import__"] = _import
    names["print"] = _print
    return names


def _import(
    name: str,
    globals: dict[str, Any] | None = None,
    locals: dict[str, Any] | None = None,
    fromlist: tuple[str, ...] | None = (),
    level: int = 0,
) -> types.ModuleType:
    if name in _INNER:
        return builtins.__import__(name, globals, locals, fromlist or (), 0)
    if level or (name not in MODULES and not (fromlist and name in PARENTS)):
        raise ImportError(f"a script may not import {name}")
    for part in fromlist or ():
        if name not in MODULES and f"{name}.{part}" not in MODULES:
            raise ImportError(f"a script may not import {name}.{part}")
    return builtins.__import__(name, globals, locals, fromlist or (), 0)


def _print(*_values: object, **_options: object) -> None:
    """Do nothing: a script has nowhere to print."""


def _events(
    transform: Callable[[Any], Any],
    body: bytes,
    decode: Callable[[bytes], Any],
    encode: Callable[[Any], bytes],
) -> list[bytes]:
    answers = []
    for event in decode(body):
        try:
            answers.append(_rows(transform(event), encode))
        except BaseException as error:  # noqa: BLE001 SystemExit and the like are this event's flaw
            answers.append(encode(_flaw(error)))
    return answers


def _batches(
    transform: Callable[[Any], Any],
    body: bytes,
    decode: Callable[[bytes], Any],
    encode: Callable[[Any], bytes],
) -> list[bytes]:
    events = decode(body)
    count = len(events)
    try:
        found = transform(events)
        if not isinstance(found, list) or len(found) != count:
            return [encode(Flaw("WrongCount", 0))] * count
        return [_guarded(rows, encode) for rows in found]
    except BaseException as error:  # noqa: BLE001
        if count == 1:
            return [encode(_flaw(error))]
    # Fresh ones: the call that failed may have changed them.
    return [
        part
        for event in decode(body)
        for part in _batches(transform, encode([event]), decode, encode)
    ]


def _guarded(rows: Any, encode: Callable[[Any], bytes]) -> bytes:
    try:
        return _rows(rows, encode)
    except BaseException as error:  # noqa: BLE001
        return encode(_flaw(error))


def _rows(found: Any, encode: Callable[[Any], bytes]) -> bytes:
    """Return one event's rows as a JSON list."""
    if found is None:
        return b"[]"
    if isinstance(found, dict):
        return b"[" + encode(found) + b"]"
    if isinstance(found, list) and all(isinstance(row, dict) for row in found):
        return encode(found)
    return encode(Flaw("WrongResult", 0))


def _flaw(error: BaseException) -> Flaw:
    """Return an exception's type and the last line of the script on its way; never its text."""
    if isinstance(error, SyntaxError) and error.filename == FILE:
        return Flaw(type(error).__name__, error.lineno or 0)
    line, frame = 0, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == FILE:
            line = frame.tb_lineno
        frame = frame.tb_next
    return Flaw(type(error).__name__, line)
