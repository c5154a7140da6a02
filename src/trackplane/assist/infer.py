"""A property from what was seen of it: type, constraints, personal data, and why.

The rules are cautious, because the plan will judge events that nobody has seen yet: no upper bound
from the largest value, an enum only where the chance of another value is small (Good-Turing), a
pattern only for closed formats. With ``allowed`` 0 every sample is valid under what comes out; above
that, values of which there is no larger share count as dirt and are listed.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec

from trackplane.assist.evidence import Evidence, Kind
from trackplane.assist.formats import EARLIEST_MS, LATEST_MS, Format, format_of, matches
from trackplane.assist.personal import personal_class, personal_value
from trackplane.plan.model import Property, TypeName
from trackplane.wording import analyse

_FEWEST: Final = 20  # samples that a requirement or an enum needs
_MOST_ENUM: Final = 24
_MOST_ENUM_LENGTH: Final = 40
_UNSEEN: Final = 0.01  # the chance of a value outside an enum that is still taken
_MOST_MEMBERS: Final = 24  # an object with more keys that differ from sample to sample is a map
_RARE_MEMBER: Final = 0.3
_ENUM_NUMBERS: Final = frozenset(
    [
        "type",
        "status",
        "level",
        "mode",
        "code",
        "gender",
        "grade",
        "category",
        "platform",
        "step",
        "source",
        "channel",
    ]
)
_NEVER_ENUM: Final = frozenset(
    [
        "id",
        "name",
        "title",
        "query",
        "message",
        "text",
        "url",
        "phone",
        "email",
        "address",
        "password",
    ]
)
_COUNTED: Final = frozenset(
    [
        "count",
        "amount",
        "price",
        "duration",
        "size",
        "length",
        "width",
        "height",
        "quantity",
        "balance",
        "fee",
        "cost",
        "tax",
        "discount",
        "total",
        "index",
        "position",
        "rating",
        "revenue",
        "experience",
        "coin",
        "gem",
        "stock",
        "bitrate",
        "progress",
        "percent",
        "freight",
        "second",
        "minute",
        "hour",
        "points",
        "stamina",
    ]
)
_TIMES: Final = frozenset(["time", "date", "start_time", "end_time", "birthday"])


class Inferred(msgspec.Struct, frozen=True, kw_only=True):
    """A property as inferred, why, and what does not fit it.

    ``dirt`` are values that were left out, at most ten; ``share`` is how often it was there.
    """

    path: str
    shape: Property
    share: float
    why: tuple[dict[str, str], ...] = ()
    dirt: tuple[str, ...] = ()
    members: tuple[Inferred, ...] = ()


def infer(path: str, evidence: Evidence, *, allowed: float = 0.0) -> Inferred:
    """Return the property at a path that what was seen speaks for."""
    keys = frozenset(analyse(path.rpartition(".")[2]).keys)
    share = evidence.seen / evidence.holders if evidence.holders else 0.0
    required = evidence.holders >= _FEWEST and 1 - share <= allowed and evidence.seen > 0
    nulls = evidence.kinds["null"]
    kept, dirt = _kinds(evidence, allowed)
    made = _Made(path=path, why=[], dirt=dirt)
    if evidence.too_deep or _is_chaos(kept):
        made.say("values of many kinds, kept as they come", "值的类型很多，原样保留")
        fields: dict[str, Any] = {"type": ("json",)}
    else:
        fields = _of_kinds(made, evidence, kept, keys, allowed)
    if nulls and fields["type"] != ("json",):
        fields["nullable"] = True
        made.say(
            f"null in {_percent(nulls, evidence.seen)}", f"{_percent(nulls, evidence.seen)} 为 null"
        )
    if required:
        fields["required"] = True
        made.say(
            f"in all of {evidence.holders} samples"
            if share == 1
            else f"in {_percent(evidence.seen, evidence.holders)} of {evidence.holders} samples",
            f"{evidence.holders} 个样本中的 {_percent(evidence.seen, evidence.holders)} 都有",
        )
    elif evidence.holders:
        made.say(
            f"in {_percent(evidence.seen, evidence.holders)} of {evidence.holders} samples",
            f"{evidence.holders} 个样本中的 {_percent(evidence.seen, evidence.holders)} 有",
        )
    _personal(made, evidence, kept, fields)
    return Inferred(
        path=path, shape=Property(**fields), share=share, why=tuple(made.why),
        dirt=tuple(made.dirt[:10]), members=tuple(made.members),
    )  # fmt: skip


class _Made:
    """What was found out on the way."""

    def __init__(self, path: str, why: list[dict[str, str]], dirt: list[str]) -> None:
        self.path = path
        self.why = why
        self.dirt = dirt
        self.members: list[Inferred] = []

    def say(self, english: str, chinese: str) -> None:
        self.why.append({"en": english, "zh": chinese})


def _percent(part: int, whole: int) -> str:
    share = part / whole if whole else 0.0
    if part and share < 0.01:
        return "<1 %"
    return f"{min(99, round(share * 100)) if part < whole else 100} %"


def _kinds(evidence: Evidence, allowed: float) -> tuple[Counter[Kind], list[str]]:
    """Return the kinds that count, and examples of those that are dirt."""
    found: Counter[Kind] = Counter({k: n for k, n in evidence.kinds.items() if k != "null"})
    total = found.total()
    if not total:
        return found, []
    numbers: set[Kind] = {"integer", "number"}
    kept = Counter(found)
    dirt: list[str] = []
    together = sum(found[kind] for kind in numbers)
    left = allowed * total
    for kind, count in sorted(found.items(), key=lambda pair: pair[1]):
        weight = together if kind in numbers else count
        if 0 < weight <= left and weight < kept.total():
            gone = numbers if kind in numbers else {kind}
            for one in gone & kept.keys():
                left -= kept.pop(one)
                dirt += [_shown(value) for (k, value) in evidence.values if k == one][:5]
                if one in {"array", "object"}:
                    dirt.append(f"an {one}")
    return kept, dirt


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:60]


def _is_chaos(kept: Counter[Kind]) -> bool:
    kinds = {"number" if kind == "integer" else kind for kind in kept}
    return len(kinds) >= 3 or ({"object", "array"} <= kinds)


def _of_kinds(
    made: _Made, evidence: Evidence, kept: Counter[Kind], keys: frozenset[str], allowed: float
) -> dict[str, Any]:
    kinds = set(kept)
    if not kinds:
        made.say("only null was seen", "只见到 null")
        return {"type": ("json",)}
    if kinds <= {"integer", "number"}:
        return _number(made, evidence, kinds, keys)
    if kinds == {"boolean"}:
        return {"type": ("boolean",)}
    if kinds == {"string"}:
        return _string(made, evidence, keys, allowed)
    if kinds == {"array"}:
        return _array(made, evidence, allowed)
    if kinds == {"object"}:
        return _object(made, evidence, allowed)
    return _union(made, evidence, kinds, keys, allowed)


def _number(
    made: _Made, evidence: Evidence, kinds: set[Kind], keys: frozenset[str]
) -> dict[str, Any]:
    low, high = evidence.lowest, evidence.highest
    assert low is not None
    assert high is not None
    count = evidence.kinds["integer"] + evidence.kinds["number"]
    if "number" in kinds:
        fields: dict[str, Any] = {"type": ("number",)}
    elif low >= EARLIEST_MS and high <= LATEST_MS and (keys & _TIMES or _spread(evidence)):
        made.say("milliseconds since 1970", "1970 年以来的毫秒数")
        return {"type": ("timestamp",)}
    elif low >= -(2**63) and high < 2**63:
        fields = {"type": ("integer",)}
        if keys & _TIMES and low * 1000 >= EARLIEST_MS and high * 1000 <= LATEST_MS:
            made.say(
                "seconds since 1970: send milliseconds to make it a timestamp",
                "1970 年以来的秒数：改为毫秒即可用 timestamp",
            )
            return fields | {"min": 0}
    else:
        fields = {"type": ("number",)}
    values = [value for kind, value in evidence.values if kind in {"integer", "number"}]
    if count < _FEWEST:
        return fields
    if fields["type"] == ("integer",) and set(values) == {0, 1} and not evidence.more:
        made.say("only 0 and 1: perhaps a boolean", "只有 0 和 1：可能是布尔值")
        if not keys & _COUNTED:
            return fields | {"enum": (0, 1)}
    if (
        fields["type"] == ("integer",)
        and keys & _ENUM_NUMBERS
        and not evidence.more
        and 2 <= len(values) <= _MOST_ENUM // 2
        and _closed(Counter({v: n for (k, v), n in evidence.values.items() if k == "integer"}))
    ):
        made.say(
            f"{len(values)} values, each seen several times", f"{len(values)} 个取值，均多次出现"
        )
        return fields | {"enum": tuple(sorted(int(value) for value in values))}
    if low >= 0 and (keys & _COUNTED or low == 0 or high > 10):
        fields["min"] = 0
        made.say("never below 0", "从不小于 0")
        if keys & {"percent", "progress", "rating", "latitude"} and "number" in kinds and high <= 1:
            fields["max"] = 1
            made.say("a share of 1", "占 1 的比例")
    if "latitude" in keys and low >= -90 and high <= 90:
        fields |= {"min": -90, "max": 90}
    if "longitude" in keys and low >= -180 and high <= 180:
        fields |= {"min": -180, "max": 180}
    return fields


def _spread(evidence: Evidence) -> bool:
    """Say whether numbers look like moments: most are different."""
    return len(evidence.values) > 0.5 * evidence.kinds["integer"]


def _string(
    made: _Made, evidence: Evidence, keys: frozenset[str], allowed: float
) -> dict[str, Any]:
    texts = evidence.strings()
    held = None if evidence.more and allowed == 0 else format_of(texts, keys, allowed)
    if held is not None:
        made.say(held.text["en"], held.text["zh"])
        if allowed:
            _leave_out(made, texts, held)
        if held.name == "timestamp":
            return {"type": ("timestamp",)}
        if held.pattern is not None:
            return {"type": ("string",), "pattern": held.pattern}
        if held.pattern is None and held.name not in {"number", "version", "language"}:
            return {"type": ("string",)}
    enum = _enum(evidence, texts, keys)
    if enum is not None:
        made.say(f"{len(enum)} values, each seen several times", f"{len(enum)} 个取值，均多次出现")
        return {"type": ("string",), "enum": enum}
    if (
        evidence.kinds["string"] >= _FEWEST
        and len(texts) > 0.9 * evidence.kinds["string"]
        and "id" in keys
    ):
        made.say("nearly every value is another: an id", "几乎每个值都不同：标识符")
    return {"type": ("string",)}


def _leave_out(made: _Made, texts: Counter[str], held: Format) -> None:
    if held.name == "timestamp" or held.pattern is not None:
        made.dirt += [_shown(text) for text in texts if not matches(held, text)][:5]


def _enum(evidence: Evidence, texts: Counter[str], keys: frozenset[str]) -> tuple[str, ...] | None:
    """Return the values if they look like all there are."""
    if evidence.more or keys & _NEVER_ENUM or not 1 < len(texts) <= _MOST_ENUM:
        return None
    if any(not text or len(text) > _MOST_ENUM_LENGTH for text in texts):
        return None
    return tuple(sorted(texts)) if _closed(texts) else None


def _closed(counts: Counter[Any]) -> bool:
    """Say whether a further value is unlikely: the share seen only once estimates it."""
    total = counts.total()
    once = sum(count == 1 for count in counts.values())
    return total >= _FEWEST and total >= 4 * len(counts) and once / total <= _UNSEEN


def _array(made: _Made, evidence: Evidence, allowed: float) -> dict[str, Any]:
    if evidence.items is None or not evidence.items.seen:
        made.say("only empty lists were seen", "只见到空列表")
        return {"type": ("array",)}
    inner = infer(made.path + "[]", evidence.items, allowed=allowed)
    made.members.append(inner)
    made.dirt += inner.dirt
    shape = msgspec.structs.replace(inner.shape, required=False)
    return {"type": ("array",), "items": shape}


def _object(made: _Made, evidence: Evidence, allowed: float) -> dict[str, Any]:
    if not evidence.members:
        return {"type": ("object",)}
    seen = evidence.kinds["object"]
    rare = sum(member.seen < _RARE_MEMBER * seen for member in evidence.members.values())
    if evidence.more or (
        len(evidence.members) > _MOST_MEMBERS and rare > 0.8 * len(evidence.members)
    ):
        together = _merged(evidence)
        inner = infer(made.path + ".*", together, allowed=allowed)
        made.say(
            f"{len(evidence.members)} keys that come and go: a map",
            f"{len(evidence.members)} 个键时有时无：map",
        )
        if evidence.more:  # values of keys that were not remembered are unknown
            return {"type": ("map",)}
        made.dirt += inner.dirt
        return {"type": ("map",), "values": msgspec.structs.replace(inner.shape, required=False)}
    fields = {}
    for name, member in sorted(evidence.members.items()):
        inner = infer(f"{made.path}.{name}", member, allowed=allowed)
        made.members.append(inner)
        made.dirt += inner.dirt
        fields[name] = inner.shape
    return {"type": ("object",), "properties": fields}


def _merged(evidence: Evidence) -> Evidence:
    """Return what was seen under all keys of an object as if it were one place."""
    into = Evidence(members={})
    for member in evidence.members.values():
        _pour(into, member)
    into.holders = into.seen
    return into


def _pour(into: Evidence, other: Evidence) -> None:
    into.seen += other.seen
    into.kinds.update(other.kinds)
    into.values.update(other.values)
    into.more |= other.more
    into.too_deep |= other.too_deep
    into.longest = max(into.longest, other.longest)
    if other.lowest is not None:
        into.lowest = other.lowest if into.lowest is None else min(into.lowest, other.lowest)
    if other.highest is not None:
        into.highest = other.highest if into.highest is None else max(into.highest, other.highest)
    for name, member in other.members.items():
        _pour(into.members.setdefault(name, Evidence(members={})), member)
    for member in into.members.values():
        member.holders = into.kinds["object"]
    if other.items is not None:
        into.items = into.items or Evidence(members={})
        _pour(into.items, other.items)
        into.items.holders = into.items.seen


def _union(
    made: _Made, evidence: Evidence, kinds: set[Kind], keys: frozenset[str], allowed: float
) -> dict[str, Any]:
    """Return a union of two kinds, with what each says of its own."""
    made.say(
        f"of several kinds: {', '.join(sorted(kinds))}", f"多种类型：{'、'.join(sorted(kinds))}"
    )
    names: list[TypeName] = []
    fields: dict[str, Any] = {}
    if kinds & {"integer", "number"}:
        names.append("number" if "number" in kinds or not _in_64(evidence) else "integer")
    if "boolean" in kinds:
        names.append("boolean")
    if "string" in kinds:
        names.append("string")
    if "array" in kinds:
        names.append("array")
        fields |= {
            key: part for key, part in _array(made, evidence, allowed).items() if key != "type"
        }
    if "object" in kinds:
        found = _object(made, evidence, allowed)
        names.append(found["type"][0])
        fields |= {key: part for key, part in found.items() if key != "type"}
    del keys
    return {"type": tuple(names)} | fields


def _in_64(evidence: Evidence) -> bool:
    low, high = evidence.lowest, evidence.highest
    return low is not None and high is not None and low >= -(2**63) and high < 2**63


def _personal(made: _Made, evidence: Evidence, kept: Counter[Kind], fields: dict[str, Any]) -> None:
    """Propose a class of personal data by what values look like, else by the name."""
    if not set(kept) & {"string", "number", "integer"}:
        return
    by_value = personal_value(list(evidence.strings())[:200])
    found = by_value or personal_class(made.path)
    if found is None or fields["type"][0] in {"boolean", "object", "array", "map"}:
        return
    if by_value == "phone" and kept["string"] == 0:
        return
    fields["pii"] = found
    fields.pop("enum", None)
    fields.pop("pattern", None)
    if by_value:
        made.say(f"values look like {found}: personal data", f"值像 {found}：个人信息")
    else:
        made.say(f"its name speaks of {found}: personal data", f"名称涉及 {found}：个人信息")
