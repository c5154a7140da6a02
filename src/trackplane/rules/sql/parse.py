"""The SQL front end: ``SELECT … FROM events … WHERE …`` to the parts of a rule.

A query is: what to put out (columns, or ``*`` with ``EXCLUDE`` and ``REPLACE``), the source, perhaps
``UNNEST`` of one array, perhaps ``WHERE``. What else SQL has is refused by its name. Nothing is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from trackplane.errors import Finding
from trackplane.rules.python import ROOTS
from trackplane.rules.source import Excerpt, WrittenAction
from trackplane.rules.sql.excerpts import cut, joined
from trackplane.rules.sql.expressions import ExpressionReader, Stop
from trackplane.rules.sql.names import is_reserved
from trackplane.rules.sql.tokens import Token
from trackplane.rules.syntax import Access, Apply, Broken, ForEach, Node


class Named(msgspec.Struct, frozen=True):
    """An expression with the name it gets, or the property it is given to; and that name's place."""

    name: str
    node: Node
    start: int
    end: int


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A query as the parts of a rule: as a rule in Python has them, each expression in SQL."""

    source: Excerpt
    where: Excerpt | None
    actions: tuple[WrittenAction, ...]


def parse(
    excerpt: Excerpt, functions: Iterable[str] | None = ()
) -> tuple[Query | None, list[Finding]]:
    """Return a query's parts, and everything that is wrong with its form.

    ``WHERE``, then ``UNNEST`` as ``explode``, what ``WHERE`` says of the item as ``drop``,
    ``REPLACE`` as ``set``, ``EXCLUDE`` as ``unset``, then ``select`` or ``keep``. ``functions`` are
    the user functions it may call; None: not known yet, any name may be one.

    >>> query, findings = parse(Excerpt.of("SELECT id FROM events WHERE what.n > 1"))
    >>> query.where.text, query.actions[0].values["id"].text
    ('what.n > 1', 'id')
    """
    reader = _Reader(excerpt, (), ANY if functions is None else functions)
    try:
        reader.open()
        return reader.query(), reader.findings
    except Stop:
        return None, reader.findings


class _Any(tuple[str, ...]):
    """The names of functions when they are not known yet: every name is in it."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


ANY: Final = _Any()


def parse_expression(
    excerpt: Excerpt, local: Iterable[str] = (), functions: Iterable[str] = ()
) -> tuple[Node, list[Finding]]:
    """Return one SQL expression's syntax tree, and everything that is wrong with its form.

    ``local`` are the names of items and parameters that it may read besides the event, ``functions``
    the user functions it may call.
    """
    reader = ExpressionReader(excerpt, local, functions)
    try:
        reader.open()
        node = reader.expression()
        if reader.token.kind != "end":
            raise reader.unexpected()
    except Stop:
        return Broken(0, len(excerpt.text)), reader.findings
    return node, reader.findings


class _Reader(ExpressionReader):
    """Reads one query. ``FROM`` is read first: the columns may name its item."""

    def query(self) -> Query:
        if self.token.upper != "SELECT":
            hint = "write SELECT … FROM events WHERE …"
            end = max(self.token.end, self.token.start + 1)
            raise self.stop("a rule in SQL is one SELECT", self.token.start, end, hint)
        self.take()
        columns_at = self._at
        self._skip_to_from()
        explode, where, stopped = None, None, False
        try:
            source, explode = self._from()
            if explode is not None:
                self.local.append(explode.name)
            where = self.expression() if self.taken("WHERE") else None
            self.taken(";")
            if self.token.kind != "end":
                raise self.unexpected()
        except Stop:
            stopped = True  # the columns may have findings too
        self._at, self._nested = columns_at, 0
        unset, replaced, select = self._output()
        if stopped:
            raise Stop
        actions: list[WrittenAction] = []
        of_event = [where] if where is not None else []
        if explode is not None:
            over, place = self._cut(explode.node), self._place(explode)
            actions.append(WrittenAction(kind="explode", place=place, value=over, item=place))
            if isinstance(where, Apply) and where.function == "and" and id(where) in self.chains:
                of_event = list(where.args)
            of_item = [part for part in of_event if _mentions(part, explode.name)]
            of_event = [part for part in of_event if not _mentions(part, explode.name)]
            if of_item:
                inside: list[str | Excerpt] = [
                    "CASE WHEN ",
                    self._all(of_item),
                    " THEN FALSE ELSE TRUE END",
                ]
                drop = joined(inside)
                actions.append(WrittenAction(kind="drop", place=drop, value=drop))
        actions += self._ended(unset, replaced, select)
        return Query(
            source=self._place(source),
            where=self._all(of_event) if of_event else None,
            actions=tuple(actions),
        )

    def _cut(self, node: Node) -> Excerpt:
        return cut(self.excerpt, node.start, node.end, self.left_out)

    def _place(self, named: Named) -> Excerpt:
        place = cut(self.excerpt, named.start, named.end)
        return msgspec.structs.replace(place, text=named.name)

    def _all(self, conditions: list[Node]) -> Excerpt:
        pieces: list[str | Excerpt] = []
        for condition in conditions:
            loose = isinstance(condition, Apply) and condition.function in ("or", "and")
            before, after = ("(", ")") if loose and len(conditions) > 1 else ("", "")
            pieces += [" AND " if pieces else "", before, self._cut(condition), after]
        return joined(pieces)

    def _ended(
        self,
        unset: tuple[Named, ...],
        replaced: tuple[Named, ...],
        select: tuple[Named, ...] | None,
    ) -> Iterator[WrittenAction]:
        """Return the last actions: what ``*`` or the columns say."""
        whole = cut(self.excerpt, 0, len("SELECT"))
        if replaced:
            yield self._named("set", replaced)
        if unset:
            names = {each.name: self._place(each) for each in unset}
            yield WrittenAction(kind="unset", place=names[unset[0].name], names=names)
        if select is None:
            yield WrittenAction(kind="keep", place=whole)
        else:
            yield self._named("select", select)

    def _named(self, kind: str, parts: tuple[Named, ...]) -> WrittenAction:
        return WrittenAction(
            kind=kind,
            place=self._place(parts[0]),
            values={part.name: self._cut(part.node) for part in parts},
            names={part.name: self._place(part) for part in parts},
        )

    # --- FROM

    def _skip_to_from(self) -> None:
        depth = 0
        while True:
            token, before = self.token, self._tokens[self._at - 1]
            if token.kind == "end":
                raise self.stop("FROM is missing", 0, len("SELECT"), "write SELECT … FROM events")
            if token.upper == "FROM" and depth == 0 and before.upper not in (".", "AS"):
                return
            depth += (token.text == "(") - (token.text == ")") if token.kind == "sign" else 0
            self.take()

    def _from(self) -> tuple[Named, Named | None]:
        self.want("FROM")
        if self.token.upper in ("(", "UNNEST"):
            hint = "write FROM events"
            end = self.token.end
            raise self.stop("a rule reads one dataset", self.token.start, end, hint)
        name = self._name()
        if self.token.upper == ".":
            hint = "write FROM events"
            raise self.stop("a source has no schema", name.start, self.token.end, hint)
        source = Named(name.text, Broken(name.start, name.end), name.start, name.end)
        alias = self._alias()
        self.prefixes = tuple(
            each for each in (name.text, alias.text if alias else "") if each and each not in ROOTS
        )
        explode = None
        while True:
            if self.taken(","):
                cross = False
            elif self.token.upper == "CROSS" and self.peek().upper == "JOIN":
                self.take()
                self.take()
                cross = True
            else:
                return source, explode
            if self.token.upper == "LATERAL":
                self.take()
            if self.token.upper != "UNNEST":
                hint = 'use lookup("table", key, "column") on a published table'
                what = "joins: not in the rule language" if cross else "a rule reads one dataset"
                raise self.stop(what, self.token.start, self.token.end, hint)
            if explode is not None:
                hint = "explode one array; flatten the other first"
                raise self.stop("two UNNEST", self.token.start, self.token.end, hint)
            explode = self._unnest()

    def _unnest(self) -> Named:
        start = self.take().start
        self.want("(")
        array = self.expression()
        self.want(")")
        alias = self._alias()
        if alias is None:
            hint = "write UNNEST(what.items) AS item"
            raise self.stop("the item needs a name", start, self.previous_end(), hint)
        if self.taken("("):
            alias = self._name()
            self.want(")")
        if alias.text in ROOTS or not (alias.text.isidentifier() and alias.text.isascii()):
            hint = "call the item otherwise, in ASCII letters"
            message = f"the name {alias.text!r} is taken or not plain"
            raise self.stop(message, alias.start, alias.end, hint, code="rule_name")
        return Named(alias.text, array, alias.start, alias.end)

    def _alias(self) -> Token | None:
        if self.taken("AS"):
            return self._name()
        token = self.token
        plain = token.kind == "word" and not is_reserved(token.upper)
        return self._name() if plain or token.kind == "quoted" else None

    # --- what is put out

    def _output(self) -> tuple[tuple[Named, ...], tuple[Named, ...], tuple[Named, ...] | None]:
        if self.token.upper in ("DISTINCT", "ALL", "TOP"):
            hint = "events are deduplicated before rules run"
            end = self.token.end
            raise self.stop(f"{self.token.upper}: not in rules", self.token.start, end, hint)
        unset: tuple[Named, ...] = ()
        replaced: tuple[Named, ...] = ()
        select: tuple[Named, ...] | None = None
        if self.taken("*"):
            unset, replaced = self._star()
        else:
            select = self._columns()
        if self.token.upper != "FROM":
            raise self.unexpected()
        return unset, replaced, select

    def _star(self) -> tuple[tuple[Named, ...], tuple[Named, ...]]:
        unset: tuple[Named, ...] = ()
        replaced: tuple[Named, ...] = ()
        if self.taken("EXCLUDE", "EXCEPT"):
            unset = tuple(self._bracketed(self._property))
        if self.taken("REPLACE"):
            replaced = tuple(self._bracketed(self._replacement))
        if self.token.upper in ("EXCLUDE", "EXCEPT"):
            raise self.unexpected("write EXCLUDE before REPLACE, and each once")
        if self.token.upper == ",":
            hint = "to add properties write SELECT * REPLACE (… AS what.name)"
            raise self.stop("columns beside *", self.token.start, self.token.end, hint)
        return unset, replaced

    def _bracketed(self, read: object) -> Iterator[Named]:
        assert callable(read)
        self.want("(")
        yield read()
        while self.taken(","):
            yield read()
        self.want(")")

    def _property(self) -> Named:
        node = self.access()
        if isinstance(node, Broken):
            raise Stop
        assert isinstance(node, Access)
        name = ".".join((node.root, *map(str, node.parts)))
        return Named(name, node, node.start, node.end)

    def _replacement(self) -> Named:
        value = self.expression()
        self.want("AS")
        target = self._property()
        return Named(target.name, value, target.start, target.end)

    def _columns(self) -> tuple[Named, ...]:
        found = [self._column()]
        while self.taken(","):
            found.append(self._column())
        names = [column.name for column in found]
        for index, column in enumerate(found):
            if column.name and column.name in names[:index]:
                message = f"the column {column.name!r} stands here twice"
                self.find(message, column.start, column.end, "write … AS another name")
        return tuple(found)

    def _column(self) -> Named:
        if self.token.upper == "*":
            hint = "SELECT * keeps the whole event; else name the columns"
            raise self.stop("* beside columns", self.token.start, self.token.end, hint)
        node = self.expression()
        alias = self._alias()
        if alias is not None:
            return Named(alias.text, node, alias.start, alias.end)
        name = _name_of(node)
        if isinstance(node, Broken):
            return Named("", node, node.start, node.end)
        if name is None:
            hint = "write … AS name"
            raise self.stop("the column needs a name", node.start, node.end, hint)
        return Named(name, node, node.start, node.end)


def _name_of(node: Node) -> str | None:
    if not isinstance(node, Access):
        return None
    last = node.parts[-1] if node.parts else node.root
    return last if isinstance(last, str) else None


def _mentions(node: Node, name: str) -> bool:
    if isinstance(node, Access):
        return node.root == name
    if isinstance(node, Apply):
        return any(_mentions(argument, name) for argument in node.args)
    if isinstance(node, ForEach):
        return _mentions(node.array, name) or _mentions(node.body, name)
    return False
