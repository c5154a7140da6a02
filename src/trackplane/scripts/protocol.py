"""What a runner's answers may be. They come from hostile code: everything is checked here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

_TYPE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_WORDS: Final = {
    "WrongResult": "returned neither None, a dict nor a list of dicts",
    "WrongCount": "transform_batch returned no list as long as its events",
    "NoTransform": "defines neither transform nor transform_batch",
}


class AnswerError(Exception):
    """What a runner wrote is no answer."""


class Flaw(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an event met in the script."""

    error: str
    line: int

    @property
    def code(self) -> str:
        """Return the failure's code."""
        codes = {"MemoryError": "rule_script_memory", "WrongResult": "rule_script_output"}
        return codes.get(self.error, "rule_script")

    @property
    def message(self) -> str:
        """Return type and line; a name that is none is not repeated."""
        name = self.error if _TYPE_NAME.match(self.error) else "an exception"
        name = _WORDS.get(name, name)
        return f"{name}, line {self.line}" if 0 < self.line < 1_000_000 else name


Answer = list[msgspec.Raw] | Flaw
_answers: Final = msgspec.json.Decoder(list[Answer])
_loaded: Final = msgspec.json.Decoder(Flaw | None)
_text: Final = msgspec.json.Encoder()


def encode_text(text: str) -> bytes:
    """Return the request that loads a script."""
    return _text.encode(text)


def decode_loaded(body: bytes) -> Flaw | None:
    """Return what a script met while it was loaded.

    Raises:
        AnswerError: this is no answer.
    """
    try:
        found: Flaw | None = _loaded.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise AnswerError("wrote what is no answer") from error
    return found


def encode_events(rows: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the parts of a request for these events, each JSON."""
    return (b"[", b",".join(rows), b"]")


def decode_answers(body: bytes, count: int, max_rows: int) -> list[Answer]:
    """Return an answer for each of ``count`` events; rows are not looked into yet.

    Raises:
        AnswerError: this is no answer, or it has over ``max_rows`` rows.
    """
    try:
        answers = _answers.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise AnswerError("wrote what is no answer") from error
    if len(answers) != count:
        raise AnswerError(f"answered {len(answers)} events of {count}")
    if sum(len(answer) for answer in answers if isinstance(answer, list)) > max_rows:
        raise AnswerError(f"returned over {max_rows} rows")
    return answers
