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
FrontEnd = OneOf["python", "sql", "builder"]
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


class Item(msgspec.Struct, frozen=True, tag_field="node", tag="item"):
    """A value of the item that an enclosing ``Each``, or an ``Explode`` before, calls ``name``.

    ``parts`` as in ``Path``; none: the item itself.
    """

    name: str
    parts: tuple[str | int, ...]
    type: Type
    nullable: bool = True


class Each(msgspec.Struct, frozen=True, tag_field="node", tag="each"):
    """``body`` for each item of an array, called ``name`` in it.

    ``any`` and ``all`` give a bool, ``filter`` the items whose body is TRUE, ``map`` the bodies.
    """

    function: OneOf["any", "all", "filter", "map"]
    array: Expression
    name: str
    body: Expression
    type: Type
    nullable: bool = True


Expression = Literal | Path | Item | Call | Each
SetRoot = OneOf["who", "when", "where", "how", "what"]


class Column(msgspec.Struct, frozen=True):
    """One output column: its name and how it is computed."""

    name: str
    value: Expression


class Assignment(msgspec.Struct, frozen=True, omit_defaults=True):
    """One property of the event: ``root`` and ``name``, and how it is computed.

    With ``skip_null`` a NULL leaves the property as it was.
    """

    root: SetRoot
    name: str
    value: Expression
    skip_null: bool = False


class Drop(msgspec.Struct, frozen=True, tag_field="action", tag="drop"):
    """Put out nothing where ``when`` is TRUE; otherwise go on with the next action."""

    when: Expression


class Sample(msgspec.Struct, frozen=True, tag_field="action", tag="sample"):
    """Go on with a share of the events, chosen by the hash of ``key`` (NULL: of the event's id).

    ``rate`` is above 0, at most 1. ``meta.weight`` is divided by it for what comes after.
    """

    rate: float
    key: Expression


class Set(msgspec.Struct, frozen=True, tag_field="action", tag="set"):
    """Replace or add properties. All values are computed from the event as it came to this action.

    ``rename``, ``mask``, ``pseudonymise`` and ``tag`` become a ``Set`` (and an ``Unset``).
    """

    values: tuple[Assignment, ...]


class Unset(msgspec.Struct, frozen=True, tag_field="action", tag="unset"):
    """Remove properties, given as ``what.name``."""

    paths: tuple[str, ...]


class Explode(msgspec.Struct, frozen=True, tag_field="action", tag="explode"):
    """Go on once for each item of an array, which ``Item`` nodes called ``name`` read from here on.

    NULL and the empty array put out nothing.
    """

    over: Expression
    name: str


class Route(msgspec.Struct, frozen=True, tag_field="action", tag="route"):
    """Choose the target dataset by a string; the rule's own target where it is none of these."""

    by: Expression
    targets: tuple[tuple[str, str], ...]  # value, dataset


class Keep(msgspec.Struct, frozen=True, tag_field="action", tag="keep"):
    """Put out the event as it is now, without ``meta``."""


class Select(msgspec.Struct, frozen=True, tag_field="action", tag="select"):
    """Put out an object with these columns, in this order."""

    columns: tuple[Column, ...]


class Script(msgspec.Struct, frozen=True, tag_field="action", tag="script"):
    """Hand what was put out to a script in an isolated process; what it returns is the output."""

    name: str


class Window(msgspec.Struct, frozen=True, tag_field="action", tag="window"):
    """Aggregate by key over a time window. Not in this release."""

    key: tuple[Expression, ...]
    size_ms: int
    columns: tuple[Column, ...]


# In a rule: any of the first six in any order (at most one Explode and one Route), then one Keep or
# Select, then perhaps a Script.
Action = Drop | Sample | Set | Unset | Explode | Route | Keep | Select | Script | Window
LATER_ACTIONS: Final = ("window",)


class Dataset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What rules write to: a table of the lake, a topic of the queue, or a sink of a plug-in.

    ``columns`` gives name and type in order, all of them nullable. Empty means: whole events
    (columns ``EVENT_COLUMNS``). ``connector`` and ``options`` are a sink's; secrets never stand in
    options, only the names of files in the folder of secrets.
    """

    name: str
    kind: OneOf["table", "topic", "sink"]
    columns: dict[str, ColumnType] = {}
    connector: str = ""
    options: dict[str, str | int | float | bool] = {}
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


class UserFunction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named expression over typed parameters; checked rules hold its body, inlined.

    ``parameters`` and ``result`` are types as text (``string``, ``array<string>``).
    """

    name: str
    parameters: dict[str, str]
    result: str
    body: str
    version: int = 1
    owner: str = ""
    description: str = ""


class LookupTable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A small dimension that rules look up: ``lookup("countries", how.country, "region")``.

    ``rows`` has each key (an int64 in decimal digits) and its cells in the order of ``columns``.
    """

    name: str
    key: OneOf["string", "int64"]
    columns: dict[str, ColumnType]
    rows: dict[str, tuple[str | int | float | bool | None, ...]]
    version: int = 1
    owner: str = ""
    description: str = ""


class ScriptText(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A script: Python with ``def transform(event)`` or ``def transform_batch(events)``.

    Limits are for one batch in one runner process.
    """

    name: str
    text: str
    version: int = 1
    wall_ms: int = 2_000
    cpu_ms: int = 1_000
    memory_mb: int = 128
    owner: str = ""
    description: str = ""


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
    uses: tuple[str, ...] = ()
    cost: int = 0
    on_error: OneOf["refuse", "dirty"] = "refuse"
    language: int = LANGUAGE
    front_end: FrontEnd = "python"
    text: str = ""


class Shadow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A candidate that runs beside a rule on live traffic, its outputs compared and thrown away.

    ``base`` None: there is no rule yet. ``rate`` is the share of events compared, by the hash of their
    id; ``until`` is when nodes stop it by themselves (ms).
    """

    rule: str
    candidate: Rule
    base: Rule | None
    rate: float
    until: int


_encoder: Final = msgspec.json.Encoder()
_rule: Final = msgspec.json.Decoder(Rule)
_dataset: Final = msgspec.json.Decoder(Dataset)


def encode(value: Rule | Dataset | UserFunction | LookupTable | ScriptText | Shadow) -> bytes:
    """Return a definition as JSON: the body of its discovery resource."""
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


def targets(rule: Rule) -> tuple[str, ...]:
    """Return the datasets a rule may write to, its own target first."""
    routed = (
        to for action in rule.actions if isinstance(action, Route) for _, to in action.targets
    )
    return tuple(dict.fromkeys((rule.target, *routed)))


def expressions(rule: Rule) -> Iterator[Expression]:
    """Return the rule's top expressions: the filter, then those of its actions in order."""
    if rule.where is not None:
        yield rule.where
    for action in rule.actions:
        match action:
            case Drop(when=found) | Sample(key=found) | Explode(over=found) | Route(by=found):
                yield found
            case Select(columns=columns):
                yield from (column.value for column in columns)
            case Set(values=values):
                yield from (value.value for value in values)


def walk(expression: Expression) -> Iterator[Expression]:
    """Return the expression and all below it, parents first, left to right."""
    yield expression
    if isinstance(expression, Call):
        for argument in expression.args:
            yield from walk(argument)
    elif isinstance(expression, Each):
        yield from walk(expression.array)
        yield from walk(expression.body)
