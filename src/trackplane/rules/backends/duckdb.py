"""DuckDB: rules as SQL over the lake's Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from trackplane.event import BUILT_IN
from trackplane.rules import ir
from trackplane.rules.backends.common import NULL, Compiled, Compiler, Dialect, Op, text_literal
from trackplane.rules.backends.pipeline import compile_rule
from trackplane.rules.backends.query import Query, Refused
from trackplane.rules.ir import Call, Literal

_TYPES: Final = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "BIGINT",
    "null": "VARCHAR",
}
_STAMPED: Final = {
    ("", "id"): "id",
    ("", "event"): "event",
    ("when", "server"): "epoch_ms(server)",
    ("when", "at"): 'epoch_ms("at")',
    ("meta", "app"): "app",
    ("meta", "env"): "env",
    ("meta", "grade"): "grade",
    ("meta", "revision"): "revision",
    ("meta", "weight"): "weight",
}
_OVERFLOW: Final = "rule_overflow"
_CAST: Final = "rule_cast"
_TYPE: Final = "rule_type"
_SPACE: Final = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"
_INT_TEXT: Final = "'[+-]?[0-9]+'"
_FLOAT_TEXT: Final = r"'[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?'"
_TIME_TEXT: Final = (
    r"'([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})'"
)
_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999


def to_duckdb(rule: ir.Rule, source: str = "events") -> Query:
    """Return a rule as DuckDB SQL over a relation with the columns of the lake's stored events.

    Raises:
        Refused: DuckDB cannot say exactly what the rule does.
    """
    return compile_rule(rule, DuckDB(), source)


class DuckDB(Dialect):
    """DuckDB's SQL."""

    functions: ClassVar[Mapping[str, Compiled]] = {}  # below

    def literal(self, value: str | float | None, kind: str) -> str:
        """Return a constant, cast from text so that no digit is lost."""
        if value is None:
            type_ = _TYPES.get(kind, "JSON")
            return NULL if kind == "null" else f"CAST(NULL AS {type_})"
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, str):
            return _text(value)
        if kind == "float64":
            return f"CAST('{float(value)!r}' AS DOUBLE)"
        return f"CAST({value} AS BIGINT)"

    def stamped(self, root: str, name: str) -> str | None:
        """Return the column of what the platform stamps."""
        return _STAMPED.get((root, name))

    def row(self) -> Mapping[str, str]:
        """Return the columns of a stored event."""
        return {
            **{name: name for name in ("id", "event", "app", "env")},
            "server": "epoch_ms(server)",
            "at": 'epoch_ms("at")',
            "weight": "weight",
        }

    def property(self, compiler: Compiler, root: str, name: str) -> str:
        """Return a property as JSON: of its column, of ``extra`` or of ``what``."""
        if root == "what":
            whole = self._present(compiler, "CAST(what AS JSON)")
            return self._part(compiler, whole, name)
        if root == "meta":
            raise Refused(f"meta.{name}", "it is not stored")
        found = compiler.let(f"json_extract(extra, {_pointer(root, name)})")
        present = self._present(compiler, found)
        if f"{root}.{name}" not in BUILT_IN:
            return present
        column = f"{root}_{name}"
        return compiler.let(f"COALESCE(CAST(to_json({column}) AS JSON), {present})")

    def _part(self, compiler: Compiler, whole: str, name: str) -> str:
        found = compiler.let(f"json_extract({whole}, {_pointer(name)})")
        return self._present(compiler, found)

    @staticmethod
    def _present(compiler: Compiler, json: str) -> str:
        """Return a JSON value, NULL for the JSON null."""
        return compiler.let(f"CASE WHEN json_type({json}) <> 'NULL' THEN {json} END")

    def step(self, compiler: Compiler, json: str, part: str | int) -> Op:
        """Return a part of an object or array."""
        kind = compiler.let(f"json_type({json})")
        wanted = "ARRAY" if isinstance(part, int) else "OBJECT"
        found = compiler.let(
            f"CASE WHEN {kind} = '{wanted}' THEN json_extract({json}, {_pointer(part)}) END"
        )
        return Op(self._present(compiler, found), ((f"{kind} <> '{wanted}'", _TYPE),))

    def read(self, compiler: Compiler, json: str, kind: str) -> Op:
        """Return a JSON value as a type, else ``rule_type``."""
        return _read(compiler, json, kind, _TYPE)

    def output(self, value: str, kind: str) -> str:
        """Return a value as a result column."""
        return value if kind in _TYPES else f"CAST({value} AS VARCHAR)"


def _text(text: str) -> str:
    pieces = " || chr(0) || ".join(text_literal(part) for part in text.split("\0"))
    return f"({pieces})" if "\0" in text else pieces


def _pointer(*parts: str | int) -> str:
    shown = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    path = "".join(f"/{part}" for part in shown)
    if "\0" in path:
        raise Refused("NUL", "in the name of a property")
    return text_literal(path)


def _read(compiler: Compiler, json: str, kind: str, code: str) -> Op:
    """Return a JSON value as a type, or the code of an error."""
    if kind == "json":
        return Op(json)
    found = compiler.let(f"json_type({json})")
    if kind in ("object", "map", "array"):
        wanted = "ARRAY" if kind == "array" else "OBJECT"
        return Op(json, ((f"{found} <> '{wanted}'", code),))
    if kind == "string":
        text = f"CASE WHEN {found} = 'VARCHAR' THEN json_extract_string({json}, '$') END"
        return Op(compiler.let(text), ((f"{found} <> 'VARCHAR'", code),))
    if kind == "bool":
        text = f"CASE WHEN {found} = 'BOOLEAN' THEN TRY_CAST({json} AS BOOLEAN) END"
        return Op(compiler.let(text), ((f"{found} <> 'BOOLEAN'", code),))
    number = compiler.let(
        f"CASE WHEN {found} IN ('BIGINT', 'UBIGINT', 'DOUBLE')"
        f" THEN TRY_CAST(CAST({json} AS VARCHAR) AS DOUBLE) END"
    )
    if kind == "float64":
        value = compiler.let(f"CASE WHEN isfinite({number}) THEN {number} END")
        return Op(value, ((f"{value} IS NULL", code),))
    whole = compiler.let(
        f"CASE WHEN {found} IN ('BIGINT', 'UBIGINT') THEN TRY_CAST(CAST({json} AS VARCHAR) AS BIGINT)"
        f" WHEN {found} = 'DOUBLE' AND contains(CAST({json} AS VARCHAR), '.') OR {found} = 'DOUBLE'"
        f" AND contains(lower(CAST({json} AS VARCHAR)), 'e') THEN"
        f" CASE WHEN {number} = trunc({number}) AND abs({number}) < 9223372036854775808.0::DOUBLE"
        f" OR {number} = -9223372036854775808.0::DOUBLE THEN TRY_CAST({number} AS BIGINT) END END"
    )
    if kind == "int64":
        return Op(whole, ((f"{whole} IS NULL", code),))
    if kind == "timestamp":
        text = compiler.let(
            f"CASE WHEN {found} = 'VARCHAR' THEN json_extract_string({json}, '$') END"
        )
        value = compiler.let(f"COALESCE({whole}, {_moment(compiler, text)})")
        return Op(value, ((f"{value} IS NULL", code),))
    raise Refused(kind, "values of this type")


def _moment(compiler: Compiler, text: str) -> str:
    """Return the milliseconds of an RFC 3339 text, NULL where it is none."""
    groups = [f"regexp_extract({text}, {_TIME_TEXT}, {n})" for n in range(1, 9)]
    matched = compiler.let(f"COALESCE(regexp_full_match({text}, {_TIME_TEXT}), FALSE)")
    year, month, day, hour, minute, second = (
        compiler.let(f"CASE WHEN {matched} THEN CAST({group} AS BIGINT) END")
        for group in groups[:6]
    )
    offset = compiler.let(f"CASE WHEN {matched} AND length({groups[7]}) = 6 THEN {groups[7]} END")
    off_hour, off_minute = (
        compiler.let(f"COALESCE(CAST(substring({offset}, {at}, 2) AS BIGINT), 0)") for at in (2, 5)
    )
    days = compiler.let(
        f"CASE WHEN {year} >= 1 THEN date_diff('day', DATE '1970-01-01',"
        f" TRY(make_date({year}, {month}, {day}))) END"
    )
    sign = compiler.let(f"CASE WHEN {offset} LIKE '-%' THEN -1 ELSE 1 END")
    millis = compiler.let(
        f"CASE WHEN {matched} THEN CAST(left({groups[6]} || '000', 3) AS BIGINT) END"
    )
    fine = f"{hour} <= 23 AND {minute} <= 59 AND {second} <= 60 AND {off_hour} <= 23 AND {off_minute} <= 59"
    return compiler.let(
        f"CASE WHEN {fine} THEN (({days} * 86400) + ({hour} * 60 + {minute}"
        f" - {sign} * ({off_hour} * 60 + {off_minute})) * 60 + {second}) * 1000 + {millis} END"
    )


# --- functions


def _sign(sign: str) -> Compiled:
    return lambda _, __, args: Op(f"{args[0]} {sign} {args[1]}")


def _in(_: Compiler, call: Call, args: Sequence[str]) -> Op:
    del call
    return Op(f"{args[0]} IN ({', '.join(args[1:])})")


def _arithmetic(sign: str) -> Compiled:
    def made(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
        first, second = args
        kind = call.args[0].type.kind
        if kind == "string":
            return Op(f"{first} || {second}")
        text = f"{first} {sign} {second}"
        if kind == "int64":
            value = compiler.let(f"TRY({text})")
            return Op(value, ((f"{value} IS NULL", _OVERFLOW),))
        return _finite(compiler, text)

    return made


def _finite(compiler: Compiler, text: str, *before: tuple[str, str]) -> Op:
    value = compiler.let(f"TRY({text})")
    return Op(value, (*before, (f"NOT COALESCE(isfinite({value}), FALSE)", _OVERFLOW)))


def _div(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    first, second = (f"CAST({each} AS DOUBLE)" for each in args)
    del call
    guarded = f"CASE WHEN {args[1]} <> 0 THEN {first} / {second} END"
    return _finite(compiler, guarded, (f"{args[1]} = 0", "rule_zero_divisor"))


def _mod(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    first, second = args
    special = f"WHEN {second} = -1 THEN 0" if call.args[0].type.kind == "int64" else ""
    value = compiler.let(
        f"CASE WHEN {second} = 0 THEN NULL {special} ELSE TRY({first} % {second}) END"
    )
    return Op(value, ((f"{second} = 0", "rule_zero_divisor"),))


def _neg(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    if call.args[0].type.kind == "float64":
        return Op(f"-({args[0]})")
    value = compiler.let(f"TRY(CAST(0 AS BIGINT) - {args[0]})")
    return Op(value, ((f"{value} IS NULL", _OVERFLOW),))


def _abs(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    value = compiler.let(f"TRY(abs({args[0]}))")
    fails = ((f"{value} IS NULL", _OVERFLOW),) if call.args[0].type.kind == "int64" else ()
    return Op(value, fails)


def _rounding(name: str) -> Compiled:
    def made(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
        del compiler
        if len(call.args) > 1:
            raise Refused(name, "to decimal digits")
        function = f"round_even({args[0]}, 0)" if name == "round" else f"{name}({args[0]})"
        whole = f"abs({args[0]}) < 4503599627370496.0::DOUBLE"
        # The sign of zero is the argument's.
        sign = f"CASE WHEN signbit({args[0]}) THEN -0.0::DOUBLE ELSE 0.0::DOUBLE END"
        return Op(
            f"CASE WHEN NOT {whole} THEN {args[0]} WHEN {function} = 0 THEN {sign} ELSE {function} END"
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
        return Op(f"CASE WHEN {value} THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END")
    if kind == "float64":
        whole = compiler.let(f"TRY(CAST(trunc({value}) AS BIGINT))")
        return Op(whole, ((f"{whole} IS NULL", _OVERFLOW),))
    if kind == "json":
        return _read(compiler, value, "int64", _CAST)
    whole = compiler.let(
        f"CASE WHEN regexp_full_match({value}, {_INT_TEXT}) THEN TRY_CAST({value} AS BIGINT) END"
    )
    return Op(whole, ((f"{whole} IS NULL", _CAST),))


def _float(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    kind, value = call.args[0].type.kind, args[0]
    if kind in ("int64", "float64"):
        return Op(f"CAST({value} AS DOUBLE)")
    if kind == "json":
        return _read(compiler, value, "float64", _CAST)
    number = compiler.let(
        f"CASE WHEN regexp_full_match({value}, {_FLOAT_TEXT}) THEN TRY_CAST({value} AS DOUBLE) END"
    )
    fine = compiler.let(f"COALESCE(isfinite({number}), FALSE)")
    return Op(number, ((f"NOT {fine}", _CAST),))


def _string(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    kind, value = call.args[0].type.kind, args[0]
    if kind == "float64":
        raise Refused("string", "of a float64: its digits differ")
    if kind == "json":
        return _read(compiler, value, "string", _CAST)
    if kind == "timestamp":
        return _in_years(value, f"strftime(make_timestamp_ms({value}), '%Y-%m-%dT%H:%M:%S.%gZ')")
    return Op(f"CAST({value} AS VARCHAR)")


def _in_years(value: str, text: str) -> Op:
    inside = f"{value} BETWEEN {_FIRST_MS} AND {_LAST_MS}"
    return Op(f"CASE WHEN {inside} THEN {text} END", ((f"NOT ({inside})", _OVERFLOW),))


def _date(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    del compiler
    if len(call.args) > 1:
        raise Refused("date", "with a time zone")
    return _in_years(args[0], f"strftime(make_timestamp_ms({args[0]}), '%Y-%m-%d')")


def _bool(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    if call.args[0].type.kind == "bool":
        return Op(args[0])
    return _read(compiler, args[0], "bool", _CAST)


def _timestamp(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
    if call.args[0].type.kind != "string":
        return Op(args[0])
    value = _moment(compiler, compiler.let(args[0]))
    return Op(value, ((f"{value} IS NULL", _CAST),))


def _call(name: str) -> Compiled:
    def made(_: Compiler, call: Call, args: Sequence[str]) -> Op:
        del call
        return Op(f"{name}({', '.join(args)})")

    return made


def _case(upper: str, lower: str) -> Compiled:
    return lambda _, __, args: Op(f"translate({args[0]}, '{upper}', '{lower}')")


def _trim(name: str) -> Compiled:
    return lambda _, __, args: Op(f"{name}({args[0]}, {_SPACE})")


def _length(_: Compiler, call: Call, args: Sequence[str]) -> Op:
    kind = call.args[0].type.kind
    if kind == "string":
        return Op(f"length({args[0]})")
    if kind == "array":
        return Op(f"CAST(json_array_length({args[0]}) AS BIGINT)")
    return Op(f"CAST(len(json_keys({args[0]})) AS BIGINT)")


def _texts_only(name: str, function: str) -> Compiled:
    def made(compiler: Compiler, call: Call, args: Sequence[str]) -> Op:
        if call.args[0].type.kind != "string":
            raise Refused(name, "of an array")
        return _call(function)(compiler, call, args)

    return made


def _substr(_: Compiler, call: Call, args: Sequence[str]) -> Op:
    del call
    start = f"greatest({args[1]}, 0)"
    if len(args) == 2:
        return Op(
            f"CASE WHEN {start} >= length({args[0]}) THEN '' ELSE substring({args[0]}, {start} + 1) END"
        )
    count = f"least(greatest({args[2]}, 0), length({args[0]}))"
    return Op(
        f"CASE WHEN {start} >= length({args[0]}) THEN ''"
        f" ELSE substring({args[0]}, {start} + 1, {count}) END"
    )


def _matches(_: Compiler, call: Call, args: Sequence[str]) -> Op:
    pattern = call.args[1]
    if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
        raise Refused("matches", "a pattern that is computed")
    return Op(f"regexp_matches({args[0]}, {_text(pattern.value)}, 'c')")


def _concat(_: Compiler, call: Call, args: Sequence[str]) -> Op:
    del call
    return Op(" || ".join(args))


_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DuckDB.functions = {
    "eq": _sign("="),
    "ne": _sign("<>"),
    "lt": _sign("<"),
    "le": _sign("<="),
    "gt": _sign(">"),
    "ge": _sign(">="),
    "in": _in,
    "not": lambda _, __, args: Op(f"NOT {args[0]}"),
    "add": _arithmetic("+"),
    "sub": _arithmetic("-"),
    "mul": _arithmetic("*"),
    "div": _div,
    "mod": _mod,
    "neg": _neg,
    "abs": _abs,
    "sign": lambda _, __, args: Op(f"CAST(sign({args[0]}) AS BIGINT)"),
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
    "date": _date,
    "lower": _case(_UPPER, _UPPER.lower()),
    "upper": _case(_UPPER.lower(), _UPPER),
    "trim": _trim("trim"),
    "ltrim": _trim("ltrim"),
    "rtrim": _trim("rtrim"),
    "length": _length,
    "contains": _texts_only("contains", "contains"),
    "starts_with": _call("starts_with"),
    "ends_with": _call("suffix"),
    "substr": _substr,
    "position": lambda _, __, args: Op(f"strpos({args[0]}, {args[1]}) - 1"),
    "concat": _concat,
    "matches": _matches,
    "sha256": _call("sha256"),
    "md5": _call("md5"),
}
