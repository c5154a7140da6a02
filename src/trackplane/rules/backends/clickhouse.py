r"""ClickHouse: rules as SQL over a table with the columns of the lake's stored events.

ClickHouse reads whole numbers beyond 64 bits as strings, prints large float64 as whole numbers and gives
up on numbers beyond float64. Events with such numbers are not judged: their ``failure`` is ``inexact``.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from trackplane.event import BUILT_IN
from trackplane.rules import ir
from trackplane.rules.backends.common import NULL, Compiled, Compiler, Dialect, Op
from trackplane.rules.backends.pipeline import compile_rule
from trackplane.rules.backends.query import Query, Refused
from trackplane.rules.ir import Call, Literal

_TYPES: Final = {
    "string": "String",
    "int64": "Int64",
    "float64": "Float64",
    "bool": "Bool",
    "timestamp": "Int64",
}
_STAMPED: Final = {
    ("", "id"): "id",
    ("", "event"): "event",
    ("when", "server"): "toUnixTimestamp64Milli(server)",
    ("when", "at"): "toUnixTimestamp64Milli(at)",
    ("meta", "app"): "app",
    ("meta", "env"): "env",
    ("meta", "grade"): "grade",
    ("meta", "revision"): "revision",
    ("meta", "weight"): "weight",
}
_OVERFLOW: Final = "rule_overflow"
_CAST: Final = "rule_cast"
_TYPE: Final = "rule_type"
_NUMBERS: Final = "'Int64', 'UInt64', 'Double'"
# What may be a whole number beyond 64 bits or the zero that is negative, and what may be any number that is not copied as it was.
_ODD: Final = """'^"-?[0-9]{19,}"$|^-0$'"""
_ODD_INSIDE: Final = "'[0-9]{16}|[0-9][eE]'"
_SPACE: Final = r"' \t\n\v\f\r'"
_INT_TEXT: Final = "'^[+-]?[0-9]+$'"
_TIME_TEXT: Final = (
    r"'^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\\.([0-9]{1,9}))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$'"
)


def to_clickhouse(rule: ir.Rule, source: str = "events") -> Query:
    """Return a rule as ClickHouse SQL over a relation with the columns of the lake's stored events.

    Raises:
        Refused: ClickHouse cannot say exactly what the rule does.
    """
    return compile_rule(rule, ClickHouse(), source)


class ClickHouse(Dialect):
    """ClickHouse's SQL."""

    functions: ClassVar[Mapping[str, Compiled]] = {}  # below
    suffix: ClassVar[str] = " SETTINGS prefer_column_name_to_alias = 1"

    def __init__(self) -> None:
        self._odd: dict[str, None] = {}

    def literal(self, value: str | float | None, kind: str) -> str:
        """Return a constant; a float64 by its bits, so that no digit is lost."""
        if value is None:
            type_ = _TYPES.get(kind, "String")
            return NULL if kind == "null" else f"CAST(NULL AS Nullable({type_}))"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return _text(value)
        if kind == "float64":
            (bits,) = struct.unpack("<Q", struct.pack("<d", float(value)))
            return f"reinterpretAsFloat64(toUInt64({bits}))"
        return f"toInt64('{value}')"

    def stamped(self, root: str, name: str) -> str | None:
        """Return the column of what the platform stamps."""
        return _STAMPED.get((root, name))

    def row(self) -> Mapping[str, str]:
        """Return the columns of a stored event."""
        return {
            **{name: name for name in ("id", "event", "app", "env")},
            "server": "toUnixTimestamp64Milli(server)",
            "at": "toUnixTimestamp64Milli(at)",
            "weight": "weight",
        }

    def inexact(self) -> str:
        """Say whether what was read holds numbers that ClickHouse may change."""
        return " OR ".join(f"COALESCE({condition}, false)" for condition in self._odd)

    def watch(self, json: str, *, whole: bool) -> None:
        """Note a value that is read, or copied ``whole``."""
        self._odd[f"match({json}, {_ODD_INSIDE if whole else _ODD})"] = None

    def property(self, compiler: Compiler, root: str, name: str) -> str:
        """Return a property as JSON: of its column, of ``extra`` or of ``what``."""
        if root == "meta":
            raise Refused(f"meta.{name}", "it is not stored")
        if root == "what":
            self._odd["NOT isValidJSON(what)"] = None
            return self._part(compiler, "what", _text(name))
        self._odd["NOT isValidJSON(extra)"] = None
        found = self._part(compiler, "extra", f"{_text(root)}, {_text(name)}")
        if f"{root}.{name}" not in BUILT_IN:
            return found
        return (
            compiler.let(f"COALESCE(toJSONString({root}_{name}), {found})")
            if (BUILT_IN[f"{root}.{name}"] == "string")
            else compiler.let(f"COALESCE(toString({root}_{name}), {found})")
        )

    @staticmethod
    def _part(compiler: Compiler, json: str, path: str) -> str:
        found = compiler.let(f"JSONExtractRaw(assumeNotNull({json}), {path})")
        return compiler.let(
            f"CASE WHEN {json} IS NULL OR {found} IN ('', 'null') THEN NULL ELSE {found} END"
        )

    def step(self, compiler: Compiler, json: str, part: str | int) -> Op:
        """Return a part of an object or array."""
        kind = _kind(compiler, json)
        wanted = "Array" if isinstance(part, int) else "Object"
        path = str(part + 1) if isinstance(part, int) else _text(part)
        return Op(self._part(compiler, json, path), ((f"{kind} <> '{wanted}'", _TYPE),))

    def read(self, compiler: Compiler, json: str, kind: str) -> Op:
        """Return a JSON value as a type, else ``rule_type``."""
        self.watch(json, whole=kind not in _TYPES)
        return _read(compiler, json, kind, _TYPE)

    def output(self, value: str, kind: str) -> str:
        """Return a value as a result column."""
        del kind
        return value

    def sample(self, compiler: Compiler, key: str, rate: float) -> str:
        """Return whether the xxh64 of a key is below the rate's share of all."""
        del compiler
        bound = int(rate * (1 << 64))
        return f"toUInt128(xxHash64({key})) < toUInt128('{bound}')"


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def _kind(compiler: Compiler, json: str) -> str:
    return compiler.let(f"toString(JSONType(assumeNotNull({json})))")


def _read(compiler: Compiler, json: str, kind: str, code: str) -> Op:
    """Return a JSON value as a type, or the code of an error."""
    if kind == "json":
        return Op(json)
    found = _kind(compiler, json)
    plain = f"assumeNotNull({json})"
    if kind in ("object", "map", "array"):
        wanted = "Array" if kind == "array" else "Object"
        return Op(json, ((f"{found} <> '{wanted}'", code),))
    if kind == "string":
        return Op(f"JSONExtractString({plain})", ((f"{found} <> 'String'", code),))
    if kind == "bool":
        return Op(f"JSONExtractBool({plain}) = 1", ((f"{found} <> 'Bool'", code),))
    number = compiler.let(f"JSONExtract({plain}, 'Nullable(Float64)')")
    if kind == "float64":
        fine = f"{found} IN ({_NUMBERS}) AND COALESCE(isFinite({number}), 0)"
        return Op(number, ((f"NOT ({fine})", code),))
    whole = compiler.let(
        f"CASE WHEN {found} = 'Int64' THEN JSONExtract({plain}, 'Nullable(Int64)')"
        f" WHEN {found} = 'Double' THEN accurateCastOrNull({number}, 'Int64') END"
    )
    if kind == "int64":
        return Op(whole, ((f"{whole} IS NULL", code),))
    if kind == "timestamp":
        text = compiler.let(f"CASE WHEN {found} = 'String' THEN JSONExtractString({plain}) END")
        value = compiler.let(f"COALESCE({whole}, {_moment(compiler, text)})")
        return Op(value, ((f"{value} IS NULL", code),))
    raise Refused(kind, "values of this type")


def _moment(compiler: Compiler, text: str) -> str:
    """Return the milliseconds of an RFC 3339 text, NULL where it is none."""
    groups = compiler.let(f"extractGroups(COALESCE({text}, ''), {_TIME_TEXT})")
    matched = compiler.let(f"notEmpty({groups})")

    def number(text: str) -> str:
        return compiler.let(f"CASE WHEN {matched} THEN toInt64OrZero({text}) END")

    year, month, day, hour, minute, second = (number(f"{groups}[{n}]") for n in range(1, 7))
    offset = compiler.let(f"{groups}[8]")
    off_hour, off_minute = (number(f"substring({offset}, {at}, 2)") for at in (2, 5))
    sign = f"(CASE WHEN startsWith({offset}, '-') THEN -1 ELSE 1 END)"
    millis = number(f"substring(concat({groups}[7], '000'), 1, 3)")
    leap = f"(({year} % 4 = 0 AND {year} % 100 <> 0) OR {year} % 400 = 0)"
    longest = (
        f"(CASE WHEN {month} IN (4, 6, 9, 11) THEN 30 WHEN {month} = 2 AND {leap} THEN 29"
        f" WHEN {month} = 2 THEN 28 ELSE 31 END)"
    )
    # Days since 1970 of a date of the Gregorian calendar, years from March on.
    years = compiler.let(f"{year} - ({month} <= 2)")
    era = f"intDiv({years}, 400)"
    of_era = compiler.let(f"{years} - {era} * 400")
    of_year = compiler.let(f"intDiv(153 * (({month} + 9) % 12) + 2, 5) + {day} - 1")
    days = compiler.let(
        f"{era} * 146097 + {of_era} * 365 + intDiv({of_era}, 4) - intDiv({of_era}, 100)"
        f" + {of_year} - 719468"
    )
    fine = (
        f"{year} >= 1 AND {month} BETWEEN 1 AND 12 AND {day} BETWEEN 1 AND {longest}"
        f" AND {hour} <= 23 AND {minute} <= 59 AND {second} <= 60"
        f" AND {off_hour} <= 23 AND {off_minute} <= 59"
    )
    return compiler.let(
        f"CASE WHEN {fine} THEN ({days} * 86400 + ({hour} * 60 + {minute}"
        f" - {sign} * ({off_hour} * 60 + {off_minute})) * 60 + {second}) * 1000 + {millis} END"
    )


# --- functions


def _sign(sign: str) -> Compiled:
    return lambda _, __, args: Op(f"{args[0]} {sign} {args[1]}")


def _in(_: Compiler, call: Call, args: Sequence[str]) -> Op:
    del call
    return Op(" OR ".join(f"{args[0]} = {item}" for item in args[1:]))


def _whole(compiler: Compiler, text: str) -> Op:
    value = compiler.let(f"accurateCastOrNull({text}, 'Int64')")
    return Op(value, ((f"{value} IS NULL", _OVERFLOW),))


def _finite(compiler: Compiler, text: str, *before: tuple[str, str]) -> Op:
    value = compiler.let(text)
    return Op(value, (*before, (f"NOT COALESCE(isFinite({value}), 0)", _OVERFLOW)))


def _arithmetic(sign: str) -> Compiled:
    def made(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
        kind = call.args[0].type.kind
        if kind == "string":
            return Op(f"concat({args[0]}, {args[1]})")
        if kind == "int64":
            return _whole(compiler, f"toInt128({args[0]}) {sign} toInt128({args[1]})")
        return _finite(compiler, f"{args[0]} {sign} {args[1]}")

    return made


def _div(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    del call
    first, second = (f"toFloat64({each})" for each in args)
    return _finite(compiler, f"{first} / {second}", (f"{args[1]} = 0", "rule_zero_divisor"))


def _mod(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    if call.args[0].type.kind == "float64":
        raise Refused("mod", "of float64")
    value = compiler.let(
        f"CASE WHEN {args[1]} IN (0, -1) THEN toInt64(0) ELSE moduloOrZero({args[0]}, {args[1]}) END"
    )
    return Op(value, ((f"{args[1]} = 0", "rule_zero_divisor"),))


def _neg(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    if call.args[0].type.kind == "float64":
        return Op(f"negate({args[0]})")
    return _whole(compiler, f"-toInt128({args[0]})")


def _abs(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    if call.args[0].type.kind == "float64":
        return Op(f"abs({args[0]})")
    return _whole(compiler, f"abs(toInt128({args[0]}))")


def _rounding(name: str) -> Compiled:
    function = {"round": "roundBankers", "trunc": "trunc"}.get(name, name)

    def made(_: Compiler, call: Call, args: Sequence[str]) -> Op:
        if len(call.args) > 1:
            raise Refused(name, "to decimal digits")
        value = args[0]
        minus = f"bitShiftRight(reinterpretAsUInt64({value}), 63) = 1"
        zero = "reinterpretAsFloat64(toUInt64('9223372036854775808'))"
        return Op(
            f"CASE WHEN abs({value}) >= 4503599627370496 THEN {value}"
            f" WHEN {function}({value}) = 0 AND {minus} THEN {zero} ELSE {function}({value}) END"
        )

    return made


def _extreme(sign: str) -> Compiled:
    def made(_: Compiler, call: Call, args: Sequence[str]) -> Op:
        del call
        text = args[0]
        for other in args[1:]:  # the first where they are equal
            text = f"CASE WHEN {other} {sign} {text} THEN {other} ELSE {text} END"
        return Op(text)

    return made


def _int(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    kind, value = call.args[0].type.kind, args[0]
    if kind in ("int64", "timestamp"):
        return Op(value)
    if kind == "bool":
        return Op(f"toInt64({value})")
    if kind == "float64":
        return _whole(compiler, f"trunc({value})")
    if kind == "json":
        return _read(compiler, value, "int64", _CAST)
    digits = f"replaceRegexpOne({value}, '^([+-]?)0*([0-9]+)$', '\\\\1\\\\2')"
    bare = f"CASE WHEN startsWith({digits}, '+') THEN substring({digits}, 2) ELSE {digits} END"
    number = compiler.let(
        f"CASE WHEN match({value}, {_INT_TEXT}) AND length({digits}) <= 20"
        f" THEN accurateCastOrNull(toInt128OrNull({bare}), 'Int64') END"
    )
    return Op(number, ((f"{number} IS NULL", _CAST),))


def _float(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    kind, value = call.args[0].type.kind, args[0]
    if kind in ("int64", "float64"):
        return Op(f"toFloat64({value})")
    if kind == "json":
        return _read(compiler, value, "float64", _CAST)
    raise Refused("float", "of a text: digits are read otherwise")


def _string(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    kind, value = call.args[0].type.kind, args[0]
    if kind in ("float64", "timestamp"):
        raise Refused("string", f"of a {kind}")
    if kind == "json":
        return _read(compiler, value, "string", _CAST)
    if kind == "bool":
        return Op(f"CASE WHEN {value} THEN 'true' ELSE 'false' END")
    return Op(f"toString({value})")


def _bool(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    if call.args[0].type.kind == "bool":
        return Op(args[0])
    return _read(compiler, args[0], "bool", _CAST)


def _timestamp(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    if call.args[0].type.kind != "string":
        return Op(args[0])
    value = _moment(compiler, compiler.let(args[0]))
    return Op(value, ((f"{value} IS NULL", _CAST),))


def _call(pattern: str) -> Compiled:
    return lambda _, __, args: Op(pattern.format(*args))


def _texts(name: str, pattern: str) -> Compiled:
    def made(_: Compiler, call: Call, args: Sequence[str]) -> Op:
        if call.args[0].type.kind != "string":
            raise Refused(name, f"of {call.args[0].type.kind}")
        return Op(pattern.format(*args))

    return made


def _substr(_: Compiler, call: Call, args: Sequence[str]) -> Op:
    del call
    start, size = f"greatest({args[1]}, 0)", f"toInt64(lengthUTF8({args[0]}))"
    count = f"least(greatest({args[2]}, 0), {size})" if len(args) == 3 else size
    return Op(
        f"CASE WHEN {start} >= {size} THEN ''"
        f" ELSE substringUTF8({args[0]}, least({start}, {size}) + 1, {count}) END"
    )


def _matches(_: Compiler, call: Call, args: Sequence[str]) -> Op:
    pattern = call.args[1]
    if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
        raise Refused("matches", "a pattern that is computed")
    if not pattern.value:
        return Op("true")
    # ClickHouse lets . match a newline unless told otherwise.
    return Op(f"match({args[0]}, {_text(f'(?-s:{pattern.value})')}) = 1")


def _concat(_: Compiler, call: Call, args: Sequence[str]) -> Op:
    del call
    return Op(f"concat({', '.join(args)})")


_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER: Final = _UPPER.lower()
ClickHouse.functions = {
    "eq": _sign("="),
    "ne": _sign("<>"),
    "lt": _sign("<"),
    "le": _sign("<="),
    "gt": _sign(">"),
    "ge": _sign(">="),
    "in": _in,
    "not": _call("NOT {0}"),
    "add": _arithmetic("+"),
    "sub": _arithmetic("-"),
    "mul": _arithmetic("*"),
    "div": _div,
    "mod": _mod,
    "neg": _neg,
    "abs": _abs,
    "sign": _call("toInt64(sign({0}))"),
    "round": _rounding("round"),
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "trunc": _rounding("trunc"),
    "min_": _extreme("<"),
    "max_": _extreme(">"),
    "int": _int,
    "float": _float,
    "string": _string,
    "bool": _bool,
    "timestamp": _timestamp,
    "lower": _call(f"translate({{0}}, '{_UPPER}', '{_LOWER}')"),
    "upper": _call(f"translate({{0}}, '{_LOWER}', '{_UPPER}')"),
    "trim": _call(f"trimBoth({{0}}, {_SPACE})"),
    "ltrim": _call(f"trimLeft({{0}}, {_SPACE})"),
    "rtrim": _call(f"trimRight({{0}}, {_SPACE})"),
    "length": _texts("length", "toInt64(lengthUTF8({0}))"),
    "contains": _texts("contains", "position({0}, {1}) > 0"),
    "starts_with": _call("startsWith({0}, {1}) = 1"),
    "ends_with": _call("endsWith({0}, {1}) = 1"),
    "substr": _substr,
    "position": _call("toInt64(positionUTF8({0}, {1})) - 1"),
    "concat": _concat,
    "matches": _matches,
    "sha256": _call("lower(hex(SHA256({0})))"),
    "md5": _call("lower(hex(MD5({0})))"),
}
