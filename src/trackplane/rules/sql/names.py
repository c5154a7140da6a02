"""What SQL writers call things: types, functions, and clauses that rules do not have."""

from __future__ import annotations

from typing import Final, Literal

# A type's name in SQL -> the function that casts to it.
TYPES: Final = {
    "BIGINT": "int",
    "INT": "int",
    "INTEGER": "int",
    "INT8": "int",
    "INT64": "int",
    "LONG": "int",
    "DOUBLE": "float",
    "DOUBLE PRECISION": "float",
    "FLOAT8": "float",
    "FLOAT64": "float",
    "VARCHAR": "string",
    "TEXT": "string",
    "STRING": "string",
    "BOOLEAN": "bool",
    "BOOL": "bool",
    "TIMESTAMP": "timestamp",
    "TIMESTAMPTZ": "timestamp",
}
# The function that casts -> the type's name as it is printed.
CASTS: Final = {
    "int": "BIGINT",
    "float": "DOUBLE",
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP",
}
# A function's name in SQL -> its name here, where it is another and means the same.
FUNCTION_NAMES: Final = {
    "ceiling": "ceil",
    "char_length": "length",
    "character_length": "length",
    "endswith": "ends_with",
    "if": "if_",
    "ifnull": "coalesce",
    "iff": "if_",
    "len": "length",
    "mod": "mod",
    "nvl": "coalesce",
    "regexp_contains": "matches",
    "regexp_like": "matches",
    "regexp_matches": "matches",
    "startswith": "starts_with",
    "substring": "substr",
    "try": "try_",
}
# The argument that counts from 1 in SQL, as everybody expects, and from 0 in the language.
COUNTED_FROM_ONE: Final = {"substr": 1, "split_part": 2}
Quantifier = Literal["any", "all", "filter", "map"]
# Functions of an array and a lambda.
QUANTIFIERS: Final[dict[str, Quantifier]] = {
    "any_match": "any",
    "all_match": "all",
    "filter": "filter",
    "list_filter": "filter",
    "transform": "map",
    "list_transform": "map",
}
QUANTIFIER_NAMES: Final = {
    "any": "any_match",
    "all": "all_match",
    "filter": "filter",
    "map": "transform",
}
# What SQL has and the language has not -> what to do instead.
FUNCTION_HINTS: Final = {
    "avg": "a rule sees one event",
    "count": "a rule sees one event",
    "current_date": "there is no now: time is the event's, when.at",
    "exists": "a rule sees one event; for items any_match(what.items, x -> …)",
    "extract": "write year(when.at), month(…), day(…), hour(…)",
    "instr": "write position(text, part), which counts from 0",
    "greatest": "write max_(a, b); it is NULL where one of them is",
    "least": "write min_(a, b); it is NULL where one of them is",
    "max": "a rule sees one event; the greater of two is max_(a, b)",
    "min": "a rule sees one event; the lesser of two is min_(a, b)",
    "now": "there is no now: time is the event's, when.at",
    "position": "write position(text, part), which counts from 0",
    "row_number": "a rule sees one event",
    "strpos": "write position(text, part), which counts from 0",
    "sum": "a rule sees one event",
}
# Clauses that end a query here: the word -> what is said, and what to do instead.
CLAUSES: Final[dict[str, tuple[str, str | None]]] = {
    "GROUP BY": ("GROUP BY", "a rule sees one event; aggregate in a query over the dataset"),
    "GROUP": ("GROUP BY", "a rule sees one event; aggregate in a query over the dataset"),
    "HAVING": ("HAVING", "a rule sees one event"),
    "ORDER BY": ("ORDER BY", "a stream has no end to sort by; sort when you query the dataset"),
    "ORDER": ("ORDER BY", "a stream has no end to sort by; sort when you query the dataset"),
    "SORT BY": ("SORT BY", "a stream has no end to sort by; sort when you query the dataset"),
    "LIMIT": ("LIMIT", "to take a share of the events use the action sample"),
    "OFFSET": ("OFFSET", None),
    "FETCH": ("FETCH", "to take a share of the events use the action sample"),
    "TABLESAMPLE": ("TABLESAMPLE", "to take a share of the events use the action sample"),
    "USING": ("USING", None),
    "WINDOW": ("window functions", "a rule sees one event"),
    "OVER": ("window functions", "a rule sees one event"),
    "QUALIFY": ("window functions", "a rule sees one event"),
    "UNION": ("UNION", "make two rules with the same target"),
    "INTERSECT": ("INTERSECT", "join the conditions with AND"),
    "EXCEPT": ("EXCEPT of two queries", "join the conditions with AND NOT"),
    "MINUS": ("MINUS", "join the conditions with AND NOT"),
    "JOIN": ("joins", 'use lookup("table", key, "column") on a published table'),
    "INNER": ("joins", 'use lookup("table", key, "column") on a published table'),
    "LEFT": ("joins", 'use lookup("table", key, "column") on a published table'),
    "RIGHT": ("joins", 'use lookup("table", key, "column") on a published table'),
    "FULL": ("joins", 'use lookup("table", key, "column") on a published table'),
    "NATURAL": ("joins", 'use lookup("table", key, "column") on a published table'),
    "ASOF": ("joins", 'use lookup("table", key, "column") on a published table'),
    "LATERAL": ("LATERAL", "write FROM events, UNNEST(what.items) AS item"),
}
# Operators that rules do not have: the sign or word -> what to do instead.
OPERATORS: Final = {
    "ILIKE": "write matches(text, '(?i)…') or lower(text) LIKE …",
    "RLIKE": "write matches(text, pattern)",
    "REGEXP": "write matches(text, pattern)",
    "SIMILAR": "write matches(text, pattern)",
    "SIMILAR TO": "write matches(text, pattern)",
    "GLOB": "write LIKE or matches(text, pattern)",
    "ISNULL": "write IS NULL",
    "NOTNULL": "write IS NOT NULL",
    "COLLATE": "texts compare by code point",
    "AT": "times are UTC",
    "DIV": "write CAST(floor(a / b) AS BIGINT) with float64 a and b",
    "//": "write CAST(floor(a / b) AS BIGINT) with float64 a and b",
    "~": "write matches(text, pattern)",
    "!~": "write NOT matches(text, pattern)",
    "->": "write a path, such as what.total.value; a lambda stands in any_match(…) only",
    "->>": "write a path, such as what.total.value",
    "<=>": "write a = b OR (a IS NULL AND b IS NULL)",
    "&": "write AND",
    "|": "write OR; texts are joined with ||",
    "^": None,
    "**": None,
    "&&": "write AND",
    "<<": None,
    ">>": None,
    ":": "write a path, such as what.total.value",
}
# Words that no unquoted column name or alias may be, printed in quotes where a name is one.
RESERVED: Final = frozenset(
    (
        "all", "and", "any", "array", "as", "asc", "at", "between", "by", "case", "cast",
        "collate", "cross", "current_date", "current_timestamp", "date", "desc", "distinct", "div",
        "else", "end", "escape", "except", "exclude", "exists", "extract", "false", "fetch", "for",
        "from", "full", "glob", "group", "having", "ilike", "in", "inner", "intersect", "interval",
        "into", "is", "isnull", "join", "lateral", "left", "like", "limit", "map", "minus",
        "natural", "not", "notnull", "null", "offset", "on", "or", "order", "outer", "over",
        "overlaps", "partition", "qualify", "regexp", "replace", "right", "rlike", "select", "set",
        "similar", "some", "struct", "table", "tablesample", "then", "time", "timestamp", "to",
        "true", "try_cast", "union", "unique", "unnest", "using", "values", "when", "where",
        "window", "with",
    )
)  # fmt: skip


def is_reserved(word: str) -> bool:
    """Say whether a word means something in SQL and so needs quotes where it is a name."""
    return word.lower() in RESERVED or word.upper() in CLAUSES
