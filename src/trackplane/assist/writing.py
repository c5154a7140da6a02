"""Trees as YAML text for plans: names and events as blocks, shapes in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from trackplane.event import NAMESPACES
from trackplane.plan.model import Property

_WORD: Final = re.compile(r"[A-Za-z_\u3400-\u9fff][A-Za-z0-9_\u3400-\u9fff./ -]*")
# Texts that readers of YAML 1.1 or 1.2 take for something else.
_RESERVED: Final = frozenset(
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "~"]
)
_WIDEST: Final = 100


def to_yaml(tree: Mapping[str, Any], *, blocks: int = 3) -> str:
    """Return a mapping as YAML; ``blocks`` levels stand as blocks, what is below in one line.

    Of the last level only namespaces do, and what is too long for a line.
    """
    return "\n".join(_lines(tree, 0, blocks)) + "\n"


def _lines(tree: Mapping[str, Any], indent: int, blocks: int) -> Iterator[str]:
    for key, value in tree.items():
        head = " " * indent + _scalar(key) + ":"
        line = f"{head} {_flow(value)}"
        inner = blocks > 1 or (blocks == 1 and key in NAMESPACES)
        if isinstance(value, Mapping) and value and (inner or len(line) > _WIDEST):
            yield head
            yield from _lines(value, indent + 2, blocks - 1)
        else:
            yield line


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{_scalar(key)}: {_flow(part)}" for key, part in value.items()) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        plain = _WORD.fullmatch(value) and value == value.strip() and not value.endswith(":")
        return value if plain and value.casefold() not in _RESERVED else _quoted(value)
    return msgspec.json.encode(value).decode()


def _quoted(text: str) -> str:
    """Return a text in double quotes: JSON's escapes are YAML's."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\x7f").translate(_INVISIBLE)


_INVISIBLE: Final = {
    number: f"\\u{number:04x}"
    for number in (*range(0x80, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF)
}


def written(shape: Property) -> Any:
    """Return a property as a person would write it: the short form where the type says all."""
    fields: dict[str, Any] = dict(msgspec.to_builtins(shape))
    fields["type"] = shape.type[0] if len(shape.type) == 1 else list(shape.type)
    if shape.properties is not None:
        fields["properties"] = {name: written(part) for name, part in shape.properties.items()}
    for key, inner in (("items", shape.items), ("values", shape.values)):
        if inner is not None:
            fields[key] = written(inner)
    if fields.keys() == {"type"} and isinstance(fields["type"], str):
        return fields["type"]
    return {"type": fields.pop("type"), **fields}
