"""The rule IR: what every front end makes and every back end runs, as JSON-serialisable structs.

``spec/rules/ir.schema.json`` is generated from these structs; what the nodes mean is in
``spec/rules/semantics.md``. Every expression carries its type and whether it can be NULL, so that a
back end needs neither the plan nor the checker. All structs are frozen and hashable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args
from typing import Literal as OneOf

import msgspec

from trackplane.event import Grade

LANGUAGE: Final = 1  # the version of the language a rule's IR is written in

TypeKind = OneOf[
    "string",
    "int64",
    "float64",
    "bool",
    "timestamp",
    "array",
    "object",
    "map",
    "json",
    "null",
]
ColumnType = OneOf["string", "int64", "float64", "bool", "timestamp", "json"]
COLUMN_TYPES: Final[tuple[ColumnType, ...]] = get_args(ColumnType)
FrontEnd = OneOf["python"]
Root = OneOf["", "who", "when", "where", "how", "what", "meta"]


class Type(msgspec.Struct, frozen=True, omit_defaults=True):
    """A type. ``item`` is what an array's items or a map's values are (None: json).

    ``object`` has no field types here: a path into an object carries its own type. ``null`` is the
    type of the literal ``None`` alone.
    """

    kind: TypeKind
    item: Type | None = None

    def __str__(self) -> str:
        return f"{self.kind}<{self.item}>" if self.item is not None else self.kind


STRING: Final = Type("string")
INT64: Final = Type("int64")
FLOAT64: Final = Type("float64")
BOOL: Final = Type("bool")
TIMESTAMP: Final = Type("timestamp")
OBJECT: Final = Type("object")
JSON: Final = Type("json")
NULL: Final = Type("null")


class Literal(msgspec.Struct, frozen=True, tag_field="node", tag="literal"):
    """A constant. An int64 is an ``int``, a float64 always a ``float`` in ``value``.

    JSON writes 1.0 as ``1.0``, so the two stay apart; ``type`` decides where they do not.
    """

    value: str | int | float | bool | None
    type: Type

    @property
    def nullable(self) -> bool:
        """Say whether this is the literal NULL."""
        return self.value is None


class Path(msgspec.Struct, frozen=True, tag_field="node", tag="path"):
    """A value of the merged event.

    ``root`` is a namespace, or "" for ``id`` and ``event``. In ``parts`` a string is a key of an
    object or map, an integer an array's index (>= 0). ``parts[0]`` is always the property's name.
    """

    root: Root
    parts: tuple[str | int, ...]
    type: Type
    nullable: bool = True


class Call(msgspec.Struct, frozen=True, tag_field="node", tag="call"):
    """A function or operator of ``trackplane.rules.functions.FUNCTIONS`` and its arguments.

    ``and`` and ``or`` take two or more; ``in`` takes a value and then literals of its type.
    Overloads are told apart by the types of ``args``.
    """

    function: str
    args: tuple[Expression, ...]
    type: Type
    nullable: bool = True


Expression = Literal | Path | Call


class Column(msgspec.Struct, frozen=True):
    """One output column: its name and how it is computed."""

    name: str
    value: Expression


class Assignment(msgspec.Struct, frozen=True):
    """One property of the output event: ``root`` and ``name``, and how it is computed."""

    root: OneOf["who", "when", "where", "how", "what"]
    name: str
    value: Expression


class Keep(msgspec.Struct, frozen=True, tag_field="action", tag="keep"):
    """Put out the merged event without ``meta``. Ends the list of actions."""


class Drop(msgspec.Struct, frozen=True, tag_field="action", tag="drop"):
    """Put out nothing where ``when`` is TRUE; otherwise go on with the next action."""

    when: Expression


class Select(msgspec.Struct, frozen=True, tag_field="action", tag="select"):
    """Put out an object with these columns, in this order. Ends the list of actions."""

    columns: tuple[Column, ...]


class Set(msgspec.Struct, frozen=True, tag_field="action", tag="set"):
    """Put out the merged event without ``meta``, with these properties replaced.

    All values are computed from the event as it came. Ends the list of actions.
    """

    values: tuple[Assignment, ...]


class Unset(msgspec.Struct, frozen=True, tag_field="action", tag="unset"):
    """Remove properties. Has its place in the IR; not in this release."""

    paths: tuple[str, ...]


class Mask(msgspec.Struct, frozen=True, tag_field="action", tag="mask"):
    """Replace properties by a digest or a constant. Not in this release."""

    paths: tuple[str, ...]
    method: OneOf["hash", "redact", "truncate"]


class Tag(msgspec.Struct, frozen=True, tag_field="action", tag="tag"):
    """Label the event where a condition is TRUE. Not in this release."""

    label: str
    when: Expression | None = None


class Sample(msgspec.Struct, frozen=True, tag_field="action", tag="sample"):
    """Pass a share of the events by a stable key. Not in this release."""

    rate: float
    key: Expression | None = None


class Explode(msgspec.Struct, frozen=True, tag_field="action", tag="explode"):
    """Put out one output per item of an array. Not in this release."""

    over: Expression
    name: str


class Route(msgspec.Struct, frozen=True, tag_field="action", tag="route"):
    """Choose the target dataset by a string. Not in this release."""

    by: Expression
    targets: dict[str, str]


class Script(msgspec.Struct, frozen=True, tag_field="action", tag="script"):
    """Hand the event to an isolated script. Not in this release."""

    name: str
    text: str


class Window(msgspec.Struct, frozen=True, tag_field="action", tag="window"):
    """Aggregate by key over a time window. Not in this release."""

    key: tuple[Expression, ...]
    size_ms: int
    columns: tuple[Column, ...]


Action = (
    Keep | Drop | Select | Set | Unset | Mask | Tag | Sample | Explode | Route | Script | Window
)
LATER_ACTIONS: Final = ("unset", "mask", "tag", "sample", "explode", "route", "script", "window")


class Dataset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named stream (``topic``) or table that rules write to.

    ``columns`` gives name and type in order, all of them nullable. Empty means: whole events
    (columns ``EVENT_COLUMNS``).
    """

    name: str
    kind: OneOf["table", "topic"]
    columns: dict[str, ColumnType] = {}
    owner: str = ""
    grade: Grade = "P2"
    description: str = ""


# What ``keep`` and ``set`` put out; a namespace that an event lacks is NULL there.
EVENT_COLUMNS: Final[dict[str, ColumnType]] = {
    "id": "string",
    "event": "string",
    "who": "json",
    "when": "json",
    "where": "json",
    "how": "json",
    "what": "json",
}


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A checked rule: source dataset -> filter -> actions -> target dataset.

    ``apps`` empty means all apps. ``events`` are the names the filter implies (sorted): for any
    other event ``where`` is FALSE, neither NULL nor an error; None means all. ``actions`` are
    at most one ``drop``, then exactly one of ``keep``, ``select``, ``set``.
    ``reads`` are the property paths (``what.total.value``; down to the first array or map) the rule
    may look at, sorted: of ``keep`` and ``set`` the namespaces too, as ``what``. ``writes`` are the
    output columns (``dataset.column``) or, of ``set``, property paths. ``cost`` is the sum of the
    cost classes of what it calls. ``text`` is the rule as its author wrote it.
    """

    name: str
    target: str
    actions: tuple[Action, ...]
    source: str = "events"
    apps: tuple[str, ...] = ()
    envs: tuple[str, ...] = ("prod",)
    events: tuple[str, ...] | None = None
    where: Expression | None = None
    owner: str = ""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    cost: int = 0
    language: int = LANGUAGE
    front_end: FrontEnd = "python"
    text: str = ""


_encoder: Final = msgspec.json.Encoder()
_rule: Final = msgspec.json.Decoder(Rule)
_dataset: Final = msgspec.json.Decoder(Dataset)


def encode(value: Rule | Dataset) -> bytes:
    """Return a rule or dataset as JSON: the body of its discovery resource."""
    return _encoder.encode(value)


def decode_rule(body: bytes) -> Rule:
    """Return the rule of a discovery resource.

    Raises:
        msgspec.ValidationError: the body is no rule of this release's IR.
    """
    return _rule.decode(body)


def decode_dataset(body: bytes) -> Dataset:
    """Return the dataset of a discovery resource.

    Raises:
        msgspec.ValidationError: the body is no dataset of this release's IR.
    """
    return _dataset.decode(body)


def expressions(rule: Rule) -> Iterator[Expression]:
    """Return the rule's top expressions: the filter, then those of its actions in order."""
    if rule.where is not None:
        yield rule.where
    for action in rule.actions:
        if isinstance(action, Drop):
            yield action.when
        elif isinstance(action, Select):
            yield from (column.value for column in action.columns)
        elif isinstance(action, Set):
            yield from (value.value for value in action.values)


def walk(expression: Expression) -> Iterator[Expression]:
    """Return the expression and all below it, parents first, left to right."""
    yield expression
    if isinstance(expression, Call):
        for argument in expression.args:
            yield from walk(argument)
