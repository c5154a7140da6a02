"""IP addresses, user agents and places."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import ua_parser

from trackplane.rules.ir import FLOAT64, STRING, Call, Expression, Literal, Type
from trackplane.rules.library.environment import BindError, Environment
from trackplane.rules.library.table import (
    Function,
    Implementation,
    literal,
    one_of,
    overload,
    plain,
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_REMEMBERED: Final = 20_000  # addresses and user agents


@lru_cache(maxsize=_REMEMBERED)
def address(text: str) -> Address | None:
    """Return the address a text spells (of IPv4 in IPv6 the IPv4), or None."""
    if "%" in text or len(text) > 45:
        return None
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return found if mapped is None else mapped


_PRIVATE: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"),
        *("100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10"),
    )
)


def _within(found: Address, networks: Sequence[Network]) -> bool:
    return any(found.version == network.version and found in network for network in networks)


def _ip_in(call: Call, _: Environment) -> Implementation:
    networks: list[Network] = []
    for argument in range(1, len(call.args)):
        text = literal(call, argument)
        try:
            networks.append(ipaddress.ip_network(text))
        except ValueError as error:
            hint = 'write "10.0.0.0/8" or "2001:db8::/32"'
            raise BindError(argument, f"not a network: {error}", hint=hint) from error
    # Per version the bounds as integers: a comparison each.
    bounds = {
        version: [
            (int(network.network_address), int(network.broadcast_address))
            for network in networks
            if network.version == version
        ]
        for version in (4, 6)
    }

    def ip_in(text: str, *_: str) -> bool | None:
        found = address(text)
        if found is None:
            return None
        number = int(found)
        return any(low <= number <= high for low, high in bounds[found.version])

    return ip_in


def _ip_version(text: str) -> int | None:
    found = address(text)
    return None if found is None else found.version


def _is_private(text: str) -> bool | None:
    found = address(text)
    return None if found is None else _within(found, _PRIVATE)


# --- user agents

_AGENT_FIELDS: Final = (
    "browser",
    "browser_version",
    "os",
    "os_version",
    "device",
    "brand",
    "model",
)
_BOT: Final = re.compile(
    r"bot\b|bot[/;_-]|crawl|spider|slurp|headless|phantomjs|selenium|puppeteer|playwright"
    r"|^curl/|^wget/|python-requests|python-urllib|aiohttp/|^go-http-client|^java/|okhttp-bot"
    r"|scrapy|facebookexternalhit|mediapartners|lighthouse|monitor(ing)?[/ ]|uptime|preview\b",
    re.IGNORECASE,
)
_MAX_AGENT: Final = 1000  # characters of a user agent that are looked at


def _version(parts: Sequence[str | None]) -> str | None:
    present = [part for part in parts if part]
    return ".".join(present) or None


@lru_cache(maxsize=_REMEMBERED)
def _agent(text: str) -> Mapping[str, str | None]:
    found = ua_parser.parse(text[:_MAX_AGENT])
    browser, system, device = found.user_agent, found.os, found.device
    return {
        "browser": browser.family if browser else None,
        "browser_version": _version((browser.major, browser.minor, browser.patch))
        if browser
        else None,
        "os": system.family if system else None,
        "os_version": _version((system.major, system.minor, system.patch)) if system else None,
        "device": device.family if device else None,
        "brand": device.brand if device else None,
        "model": device.model if device else None,
    }


def _user_agent(call: Call, _: Environment) -> Implementation:
    field = one_of(call, 1, _AGENT_FIELDS, "part of a user agent")
    return lambda text, _: _agent(text)[field]


@lru_cache(maxsize=_REMEMBERED)
def _is_bot(text: str) -> bool:
    return _BOT.search(text[:_MAX_AGENT]) is not None or _agent(text)["device"] == "Spider"


# --- places

_PLACES: Final[Mapping[str, tuple[str | int, ...]]] = {
    "continent": ("continent", "code"),
    "country": ("country", "iso_code"),
    "country_name": ("country", "names", "en"),
    "region": ("subdivisions", 0, "iso_code"),
    "region_name": ("subdivisions", 0, "names", "en"),
    "city": ("city", "names", "en"),
    "postal_code": ("postal", "code"),
    "time_zone": ("location", "time_zone"),
    "latitude": ("location", "latitude"),
    "longitude": ("location", "longitude"),
}
_NUMBERS: Final = ("latitude", "longitude")


def _geo_type(args: Sequence[Expression], _: Environment) -> Type:
    field = args[1]
    return FLOAT64 if isinstance(field, Literal) and field.value in _NUMBERS else STRING


def _geo(call: Call, environment: Environment) -> Implementation:
    field = one_of(call, 1, tuple(_PLACES), "part of a place")
    steps, number = _PLACES[field], field in _NUMBERS
    read = environment.geo
    if read is None:
        message = "there is no geo database on the nodes"
        hint = "set TRACKPLANE_GEO_DATABASE to a MaxMind file (.mmdb)"
        raise BindError(0, message, reason="rule_geo", hint=hint, missing=True)

    @lru_cache(maxsize=4096)
    def place(text: str) -> Any:
        found = address(text)
        value: Any = None if found is None else read(str(found))
        for step in steps:
            if isinstance(step, int):
                value = value[step] if isinstance(value, list) and len(value) > step else None
            else:
                value = value.get(step) if isinstance(value, dict) else None
        if number:
            return float(value) if isinstance(value, int | float) else None
        return value if isinstance(value, str) else None

    return lambda text, _: place(text)


_AGENT: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Mobile/15E148 Safari/604.1"
)

FUNCTIONS: Final = (
    Function(
        name="ip_in",
        group="Addresses and user agents",
        doc="An IPv4 or IPv6 address is in one of some networks; NULL of what is no address.",
        signatures=(overload("string, literal string, … -> bool", null=True),),
        make=_ip_in,
        cost=10,
        examples=(
            ('ip_in("10.1.2.3", "10.0.0.0/8", "fc00::/7")', True),
            ('ip_in("nowhere", "10.0.0.0/8")', None),
        ),
    ),
    Function(
        name="ip_version",
        group="Addresses and user agents",
        doc="4 or 6; NULL of what is no address. IPv4 written as IPv6 is 4.",
        signatures=(overload("string -> int64", null=True),),
        make=plain(_ip_version),
        cost=8,
        examples=(('ip_version("2001:db8::1")', 6),),
    ),
    Function(
        name="ip_is_private",
        group="Addresses and user agents",
        doc="Of a private, shared, link-local or loopback network; NULL of what is no address.",
        signatures=(overload("string -> bool", null=True),),
        make=plain(_is_private),
        cost=15,
        examples=(('ip_is_private("192.168.0.7")', True), ('ip_is_private("81.2.69.142")', False)),
    ),
    Function(
        name="user_agent",
        group="Addresses and user agents",
        doc=(
            "A part of a user agent, by ua-parser: `browser`, `browser_version`, `os`, `os_version`, "
            "`device`, `brand`, `model`; NULL where unknown."
        ),
        signatures=(overload("string, literal string -> string", null=True),),
        make=_user_agent,
        cost=60,
        examples=(
            (f'user_agent("{_AGENT}", "browser")', "Mobile Safari"),
            (f'user_agent("{_AGENT}", "os_version")', "17.4"),
            ('user_agent("?", "os")', None),
        ),
    ),
    Function(
        name="is_bot",
        group="Addresses and user agents",
        doc="A user agent that says it is a robot, a script or a monitor.",
        signatures=(overload("string -> bool"),),
        make=plain(_is_bot),
        cost=60,
        examples=(
            (
                'is_bot("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")',
                True,
            ),
            (f'is_bot("{_AGENT}")', False),
        ),
    ),
    Function(
        name="geo",
        group="Addresses and user agents",
        doc=(
            "A part of the place of an address in the operator's geo database: "
            + ", ".join(f"`{field}`" for field in _PLACES)
            + " (latitude and longitude: float64); NULL where unknown."
        ),
        signatures=(overload("string, literal string -> string", null=True),),
        make=_geo,
        typed=_geo_type,
        cost=40,
        examples=(
            ('geo("81.2.69.142", "country")', "GB"),
            ('geo("81.2.69.142", "latitude")', 51.5142),
            ('geo("10.0.0.1", "city")', None),
        ),
    ),
)
