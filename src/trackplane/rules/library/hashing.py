"""Hashes, keyed hashes and what hides personal text."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any, Final

import xxhash

from trackplane.rules.ir import Call
from trackplane.rules.library.environment import BindError, Environment
from trackplane.rules.library.networks import address
from trackplane.rules.library.table import Function, Implementation, literal, overload, plain

PSEUDONYM_DIGITS: Final = 32
_SHOWN: Final = re.compile(r"(first|last)([1-9])")
_METHODS: Final = ("redact", "hash", "email", "ip", "first1 … first9", "last1 … last9")


def _xxh64(text: str) -> int:
    found = xxhash.xxh64_intdigest(text.encode())
    return found - (1 << 64) if found >= 1 << 63 else found


def _bucket(call: Call, _: Environment) -> Implementation:
    count = literal(call, 1)
    if count < 1:
        raise BindError(1, "the number of buckets is at least 1")
    digest = xxhash.xxh64_intdigest
    return lambda text, _: digest(text.encode()) % count


def _hex(algorithm: Callable[..., Any]) -> Implementation:
    return lambda text: algorithm(text.encode(), usedforsecurity=False).hexdigest()


def _keyed(call: Call, environment: Environment, digits: int) -> Implementation:
    key = environment.key(literal(call, 1), 1)
    digest = hmac.digest
    return lambda text, _: digest(key, text.encode(), "sha256").hex()[:digits]


def _hmac(call: Call, environment: Environment) -> Implementation:
    return _keyed(call, environment, 64)


def _pseudonym(call: Call, environment: Environment) -> Implementation:
    return _keyed(call, environment, PSEUDONYM_DIGITS)


def _mask(call: Call, _: Environment) -> Implementation:
    method = literal(call, 1)
    made: Callable[[str], str] | None = {
        "redact": lambda _: "***",
        "hash": lambda text: hashlib.sha256(text.encode()).hexdigest()[:16],
        "email": _mask_email,
        "ip": _mask_ip,
    }.get(method)
    found = _SHOWN.fullmatch(method)
    if found is not None:
        made = _showing(int(found[2]), first=found[1] == "first")
    if made is None:
        message = f"there is no method {method!r}; there is {', '.join(_METHODS)}"
        raise BindError(1, message)
    mask = made
    return lambda text, _: mask(text)


def _showing(count: int, *, first: bool) -> Callable[[str], str]:
    def mask(text: str) -> str:
        hidden = len(text) - count
        if hidden <= 0:
            return "*" * len(text)
        return text[:count] + "*" * hidden if first else "*" * hidden + text[hidden:]

    return mask


def _mask_email(text: str) -> str:
    name, at, domain = text.rpartition("@")
    return f"{name[0]}***@{domain}" if at and name else "***"


def _mask_ip(text: str) -> str:
    found = address(text)
    if found is None:
        return "***"
    if found.version == 4:
        return ".".join((*str(found).split(".")[:3], "0"))
    groups = found.exploded.split(":")[:3]
    return ":".join(f"{int(group, 16):x}" for group in groups) + "::"


FUNCTIONS: Final = (
    Function(
        name="bucket",
        group="Hashes and privacy",
        doc="The xxh64 of a text modulo a number: the same everywhere, for ever.",
        signatures=(overload("string, literal int64 -> int64"),),
        make=_bucket,
        cost=6,
        examples=(('bucket("u-1", 10000)', 7322),),
    ),
    Function(
        name="xxh64",
        group="Hashes and privacy",
        doc="The xxh64 of a text's UTF-8 bytes, as a signed int64.",
        signatures=(overload("string -> int64"),),
        make=plain(_xxh64),
        cost=6,
        examples=(('xxh64("")', -1205034819632174695),),
    ),
    Function(
        name="xxh64_hex",
        group="Hashes and privacy",
        doc="The xxh64 of a text's UTF-8 bytes, as 16 hexadecimal digits.",
        signatures=(overload("string -> string"),),
        make=plain(lambda text: xxhash.xxh64_hexdigest(text.encode())),
        cost=6,
        examples=(('xxh64_hex("")', "ef46db3751d8e999"),),
    ),
    Function(
        name="sha256",
        group="Hashes and privacy",
        doc="The SHA-256 of a text's UTF-8 bytes, as hexadecimal digits.",
        signatures=(overload("string -> string"),),
        make=plain(_hex(hashlib.sha256)),
        cost=20,
        examples=(
            (
                'sha256("abc")',
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
        ),
    ),
    Function(
        name="md5",
        group="Hashes and privacy",
        doc="The MD5 of a text's UTF-8 bytes, as hexadecimal digits: for old systems, not for secrets.",
        signatures=(overload("string -> string"),),
        make=plain(_hex(hashlib.md5)),
        cost=20,
        examples=(('md5("abc")', "900150983cd24fb0d6963f7d28e17f72"),),
    ),
    Function(
        name="hmac",
        group="Hashes and privacy",
        doc="The HMAC-SHA-256 of a text under a named key, as hexadecimal digits.",
        signatures=(overload("string, literal string -> string"),),
        make=_hmac,
        cost=40,
        examples=(
            (
                'hmac("u-1", "default")',
                hmac.digest(b"0123456789abcdef" * 2, b"u-1", "sha256").hex(),
            ),
        ),
    ),
    Function(
        name="pseudonym",
        group="Hashes and privacy",
        doc="What stands for a text under a named key: the first 32 digits of its `hmac`.",
        signatures=(overload("string, literal string -> string"),),
        make=_pseudonym,
        cost=40,
        examples=(('length(pseudonym("u-1", "default"))', 32),),
    ),
    Function(
        name="mask",
        group="Hashes and privacy",
        doc=(
            "A text hidden: `redact` (***), `hash` (16 digits of its SHA-256), `email`, `ip` (its "
            "network), `first1` … `last9` (all but so many code points)."
        ),
        signatures=(overload("string, literal string -> string"),),
        make=_mask,
        cost=10,
        examples=(
            ('mask("4111111111111111", "last4")', "************1111"),
            ('mask("ann@example.org", "email")', "a***@example.org"),
            ('mask("81.2.69.142", "ip")', "81.2.69.0"),
        ),
    ),
)
