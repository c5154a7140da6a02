"""SQL text to tokens with their places, by sqlglot's tokenizer."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import TokenType
from sqlglot.tokens import Tokenizer

Kind = Literal["word", "quoted", "text", "number", "sign", "end"]
_KINDS: Final[dict[TokenType, Kind]] = {
    TokenType.STRING: "text",
    TokenType.IDENTIFIER: "quoted",
    TokenType.NUMBER: "number",
}


class Token(msgspec.Struct, frozen=True):
    """One token: ``text`` without its quotes, ``upper`` of words and signs to compare with."""

    kind: Kind
    text: str
    start: int
    end: int
    upper: str = ""


def tokens_of(text: str) -> list[Token] | int:
    """Return the tokens and one of kind ``end``; or where the text stops being tokens.

    Comments are left out. Keywords of several words are one token, with one space between them.
    """
    try:
        found = Tokenizer().tokenize(text)
    except TokenError:
        return _last_quote(text)
    made: list[Token] = []
    for token in found:
        start, end = token.start, token.end + 1
        kind = _KINDS.get(token.token_type)
        if kind is None:
            raw = text[start:end]
            kind = "word" if raw[:1].isalpha() or raw[:1] == "_" else "sign"
            made.append(Token(kind, raw, start, end, " ".join(raw.upper().split())))
        elif kind == "text" and text[start] != "'":
            return start  # a quoting that means more than its text
        else:
            made.append(Token(kind, token.text, start, end))
    made.append(Token("end", "", len(text), len(text)))
    return made


def _last_quote(text: str) -> int:
    """Return where the quote starts that nothing ends (good enough for a finding)."""
    open_at, quote = 0, ""
    for index, character in enumerate(text):
        if not quote and character in "'\"":
            open_at, quote = index, character
        elif character == quote:
            quote = ""
    return open_at if quote else max(0, text.rfind("/*"))
