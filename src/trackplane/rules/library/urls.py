"""URLs, split as RFC 3986 (appendix B) splits any text; nothing here fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, unquote, unquote_plus

from trackplane.rules.ir import Call
from trackplane.rules.library.environment import Environment
from trackplane.rules.library.table import (
    Function,
    Implementation,
    one_of,
    overload,
    plain,
)
from trackplane.rules.library.text import lower

_URL: Final = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL
)
_UTM: Final = ("source", "medium", "campaign", "term", "content", "id")
_MAX_PARAMETERS: Final = 1000


@lru_cache(maxsize=4096)
def _split(text: str) -> tuple[str | None, ...]:
    found = _URL.fullmatch(text)
    return found.groups() if found is not None else (None, None, text, None, None)


def _scheme(text: str) -> str | None:
    found = _split(text)[0]
    return None if found is None else lower(found)


def _host_port(text: str) -> tuple[str, str]:
    authority = (_split(text)[1] or "").rpartition("@")[2]
    if authority.startswith("["):
        host, _, rest = authority.partition("]")
        return lower(f"{host}]"), rest.removeprefix(":")
    host, _, port = authority.partition(":")
    return lower(host), port


def _host(text: str) -> str | None:
    return _host_port(text)[0] or None


def _port(text: str) -> int | None:
    port = _host_port(text)[1]
    valid = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536
    return int(port) if valid else None


def _path(text: str) -> str | None:
    return _split(text)[2] or None


def _parameters(text: str) -> dict[str, str]:
    query = _split(text)[3]
    if not query:
        return {}
    found: dict[str, str] = {}
    for pair in query.split("&")[:_MAX_PARAMETERS]:
        name, _, value = pair.partition("=")
        if name:
            found.setdefault(unquote_plus(name), unquote_plus(value))
    return found


def _parameter(text: str, name: str) -> str | None:
    return _parameters(text).get(name)


def _utm(text: str) -> dict[str, str]:
    return {
        name.removeprefix("utm_"): value
        for name, value in _parameters(text).items()
        if name.startswith("utm_")
    }


def _campaign(call: Call, _: Environment) -> Implementation:
    if len(call.args) == 1:
        return _utm
    part = f"utm_{one_of(call, 1, _UTM, 'part of a campaign')}"
    return lambda text, _: _parameters(text).get(part)


def _function(
    name: str,
    doc: str,
    signature: str,
    made: Callable[..., Any],
    *examples: tuple[str, Any],
    null: bool = True,
) -> Function:
    return Function(
        name=name,
        group="URLs",
        doc=doc,
        signatures=(overload(signature, null=null),),
        make=plain(made),
        cost=30,
        examples=examples,
    )


_A: Final = "https://ann@Shop.example:8443/a%20b/c?utm_source=mail&q=red+shoes&q=x#top"

FUNCTIONS: Final = (
    _function(
        "url_scheme",
        "The scheme, in lower case; NULL if there is none.",
        "string -> string",
        _scheme,
        (f'url_scheme("{_A}")', "https"),
        ('url_scheme("/a")', None),
    ),
    _function(
        "url_host",
        "The host, ASCII letters in lower case, without user and port; NULL if there is none.",
        "string -> string",
        _host,
        (f'url_host("{_A}")', "shop.example"),
        ('url_host("//[::1]:80/")', "[::1]"),
    ),
    _function(
        "url_port",
        "The port, if it is written.",
        "string -> int64",
        _port,
        (f'url_port("{_A}")', 8443),
    ),
    _function(
        "url_path",
        "The path as it is written; NULL if it is empty.",
        "string -> string",
        _path,
        (f'url_path("{_A}")', "/a%20b/c"),
    ),
    _function(
        "url_query",
        "What stands between `?` and `#`; NULL if there is no `?`.",
        "string -> string",
        lambda text: _split(text)[3],
        ('url_query("/a?x=1#b")', "x=1"),
    ),
    _function(
        "url_fragment",
        "What stands after `#`; NULL if there is none.",
        "string -> string",
        lambda text: _split(text)[4],
        (f'url_fragment("{_A}")', "top"),
    ),
    _function(
        "url_param",
        "The first query parameter of a name, decoded; NULL if there is none.",
        "string, string -> string",
        _parameter,
        (f'url_param("{_A}", "q")', "red shoes"),
        (f'url_param("{_A}", "none")', None),
    ),
    _function(
        "url_params",
        "All query parameters, decoded; of a name that is there twice the first.",
        "string -> map<string>",
        _parameters,
        ('to_json(url_params("/a?x=1&y=2&x=3"))', '{"x":"1","y":"2"}'),
        null=False,
    ),
    _function(
        "url_decode",
        "%-escapes replaced by what they mean, as UTF-8; what is none stays.",
        "string -> string",
        unquote,
        ('url_decode("a%20b%C3%A9+%zz")', "a bé+%zz"),
        null=False,
    ),
    _function(
        "url_encode",
        "All but ASCII letters, digits and `-._~` as %-escapes of UTF-8.",
        "string -> string",
        lambda text: quote(text, safe=""),
        ('url_encode("a b/é")', "a%20b%2F%C3%A9"),
        null=False,
    ),
    Function(
        name="campaign",
        group="URLs",
        doc=(
            "The utm_ parameters of a URL, without `utm_`; or one of them: "
            + ", ".join(f"`{part}`" for part in _UTM)
            + "."
        ),
        signatures=(
            overload("string -> map<string>"),
            overload("string, literal string -> string", null=True),
        ),
        make=_campaign,
        cost=40,
        examples=(
            (f'campaign("{_A}", "source")', "mail"),
            (f'to_json(campaign("{_A}"))', '{"source":"mail"}'),
        ),
    ),
)
