"""A plan's bytes as text: its size, its encoding, and characters that hide what it says."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

from trackplane.errors import Finding, InputError

MAX_FILE_BYTES: Final = 256 << 20  # 200,000 events of 20 properties are about 200 MB
# Embeddings, overrides and isolates: they show a text in another order than it has.
_BIDI: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_SHOWN_BIDI: Final = 20


class PlanError(InputError):
    """The plan's text is wrong; ``findings`` has everything."""

    code = "plan"


def check_size(size: int, *, file: str, limit: int = MAX_FILE_BYTES) -> None:
    """Refuse a file by its size, before it is read. ``size`` and ``limit`` are bytes.

    Raises:
        PlanError: it is larger than ``limit``.
    """
    if size > limit:
        finding = Finding(
            code="too_large",
            message=f"the file has {_megabytes(size)}, more than the limit of {_megabytes(limit)}",
            file=file,
            hint="cut the plan into several files, or set TRACKPLANE_PLAN_MAX_MB",
        )
        raise PlanError(f"{file} is too large", findings=[finding])


def decode(data: bytes, *, file: str, limit: int = MAX_FILE_BYTES) -> str:
    """Return the text of a plan's file: UTF-8, a byte order mark taken away.

    Raises:
        PlanError: it is too large or in another encoding; the finding says which and where.
    """
    check_size(len(data), file=file, limit=limit)
    named = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    if named is None and b"\0" in data[:4]:
        named = "UTF-16" if data[:4].count(0) < 3 else "UTF-32"
    if named is not None:
        raise _encoding_error(file, f"the file is {named}", "save it as UTF-8", 1, 1)
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        start = before.rfind(b"\n") + 1
        column = len(before[start:].decode("utf-8", errors="replace")) + 1
        text = f"byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8"
        hint = "save it as UTF-8"
        if _is_chinese(data[start : data.find(b"\n", error.end) + 1 or len(data)]):
            text, hint = f"{text}; the line reads as GBK", "save it as UTF-8 instead of GBK"
        raise _encoding_error(file, text, hint, line, column) from error


def _encoding_error(file: str, text: str, hint: str, line: int, column: int) -> PlanError:
    finding = Finding(code="encoding", message=text, file=file, line=line, column=column, hint=hint)
    return PlanError(f"{file} is not UTF-8", findings=[finding])


def _is_chinese(line: bytes) -> bool:
    try:
        text = line.decode("gbk")
    except UnicodeDecodeError:
        return False
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MB"


def hidden_characters(text: str, file: str) -> Iterator[Finding]:
    """Yield what a text has that shows it otherwise than it is: bidirectional controls."""
    if text.isascii():
        return
    for number, match in enumerate(_BIDI.finditer(text)):
        if number == _SHOWN_BIDI:
            return
        line, column = position(text, match.start())
        yield Finding(
            code="bidi",
            message=f"U+{ord(match[0]):04X} turns the reading direction of what follows",
            file=file,
            line=line,
            column=column,
            hint="take it out: letters of right-to-left scripts need no such character",
        )


def position(text: str, offset: int) -> tuple[int, int]:
    """Return line and column of a character, from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
