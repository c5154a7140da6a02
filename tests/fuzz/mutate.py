"""Mutations of texts and of bytes: cut, doubled, spliced, with something hostile put in."""

from __future__ import annotations

import random

HOSTILE = [
    "9223372036854775808", "-9223372036854775809", "1e308", "1e309", "1e-400", "0.1", "-0.0", "NaN",
    "''", '""', "'", '"', "\\", "\\u0000", "\0", "\n", "\r\n", "\t", "\u2028", "\ufeff", "\ud800",
    "\u0430", "\u202e", "\U0001f600", "\uff08", "é\u0301", "(", ")", "[", "]", "{", "}", "{{", ",", ";",
    ":", "::", "--", "/*", "*/", "#", "&a", "*a", "<<", "|", ">", "!!python/object", "%", "@", "`", "->",
    " and ", " or ", " not ", " in ", " is None", " if True else ", " for x in ", "None", "True", "NULL",
    "TRUE", " AND ", " OR ", " NOT ", " IN ", " LIKE ", " BETWEEN ", " CASE WHEN ", " THEN ", " END ",
    " UNION ", " SELECT ", " FROM ", " WHERE ", "*", "||", "<>", "==", "!=", "//", "**", "lambda x: x",
    "event", "what.", "what.x", "what.n", "what.items", "who.user_id", "when.at", "meta.weight", "id",
    "item", "try_(", "coalesce(", "if_(", "matches(", "(a+)+$", "(?i)", "[[:alpha:]]", "[0]", "[-1]",
    "['x']", "explode:", "sql: |", "builder:", "do:", "- ", "select:", "set:", "drop:", "route:", "keep: true",
    "__import__('os')", "null", "true", '{"a":', "[1,2", "1e400", "-0", "[[[[[[[[",
]  # fmt: skip


def mutated(random_: random.Random, text: str, other: str) -> str:
    """Return a text with one to four changes; pieces may come from another text."""
    for _ in range(random_.choice((1, 1, 1, 2, 2, 3, 4))):
        text = _once(random_, text, other)
    return text[:20_000]


def _once(random_: random.Random, text: str, other: str) -> str:
    start = random_.randrange(len(text) + 1)
    end = min(len(text), start + random_.choice((0, 1, 1, 2, 4, 8, 20, 60)))
    match random_.randrange(8):
        case 0:
            return text[:start] + text[end:]
        case 1:
            return text[:end] + text[start:end] * random_.choice((1, 2, 5, 40)) + text[end:]
        case 2 | 3:
            return text[:start] + random_.choice(HOSTILE) + text[end:]
        case 4:
            at = random_.randrange(len(other) + 1)
            return text[:start] + other[at : at + random_.randrange(40)] + text[end:]
        case 5:
            return (
                text[:start]
                + chr(random_.choice((0, 9, 34, 39, 92, 255, 0x301, 0xFFFF)))
                + text[end:]
            )
        case 6:
            words = text.split(" ")
            random_.shuffle(words)
            return " ".join(words)
        case _:
            code = ord(text[start]) if start < len(text) else 48
            return text[:start] + chr((code ^ (1 << random_.randrange(7))) or 1) + text[start + 1 :]


def mutated_bytes(random_: random.Random, data: bytes, other: bytes) -> bytes:
    """Return bytes with one to four changes, perhaps no longer UTF-8."""
    text = mutated(random_, data.decode("latin-1"), other.decode("latin-1"))
    return (
        text.encode("utf-8", "surrogatepass" if random_.random() < 0.1 else "replace")
        if any(ord(character) > 255 for character in text)
        else text.encode("latin-1")
    )
