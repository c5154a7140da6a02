"""Rules that are compiled, kept packed: what is needed of them again is seldom, and they are large."""

from __future__ import annotations

from collections.abc import Sequence

from trackplane.packed import pack, unpack
from trackplane.rules.ir import Rule, decode_rule, encode


class KeptRules:
    """Rules by name, their IR packed: 0.2 KB each instead of 5."""

    __slots__ = ("_bodies", "names")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.names = tuple(rule.name for rule in rules)
        self._bodies = tuple(pack(encode(rule)) for rule in rules)

    def decoded(self) -> tuple[Rule, ...]:
        """Return the rules."""
        return tuple(decode_rule(unpack(body)) for body in self._bodies)
