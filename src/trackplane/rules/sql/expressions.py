"""SQL expressions to syntax trees: precedence climbing over tokens, each node with its place.

Operators bind as in the SQL standard: ``OR``, ``AND``, ``NOT``, comparisons and predicates, ``||``,
``+ -``, ``* / %``, unary minus, ``::``. What an operator or function means is semantics.md's, not a
database's: see ``docs/rules-sql.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from trackplane.errors import Finding, did_you_mean
from trackplane.rules.functions import ALIASES, FUNCTIONS
from trackplane.rules.python import (
    MAX_DEPTH,
    MAX_LIST,
    MAX_NODES,
    MAX_STRING,
    MAX_TEXT,
    ROOTS,
)
from trackplane.rules.source import Excerpt
from trackplane.rules.sql import names
from trackplane.rules.sql.like import like
from trackplane.rules.sql.tokens import Token, tokens_of
from trackplane.rules.syntax import Access, Apply, Broken, Constant, ForEach, Node
from trackplane.rules.values import INT64_MAX

_COMPARE: Final = {
    "=": "eq",
    "==": "eq",
    "<>": "ne",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
}
_SUM: Final = {"+": "add", "-": "sub"}
_PRODUCT: Final = {"*": "mul", "/": "div", "%": "mod"}
_CASTERS: Final = frozenset(names.CASTS)
_PREDICATES: Final = ("IS", "IN", "BETWEEN", "LIKE", "NOT")


def is_callable(name: str) -> bool:
    """Say whether this is the name of a function, not of an operator."""
    function = FUNCTIONS.get(name)
    return function is not None and function.sign is None


class Stop(Exception):  # noqa: N818 - it is no error of ours: it ends the reading of one text
    """Reading cannot go on; the finding has been made."""


class ExpressionReader:
    """Reads expressions from an excerpt's tokens; ``findings`` add up."""

    def __init__(
        self, excerpt: Excerpt, local: Iterable[str] = (), functions: Iterable[str] = ()
    ) -> None:
        self.excerpt = excerpt
        self.functions = functions
        self.findings: list[Finding] = []
        self.local = list(local)
        self.prefixes: tuple[str, ...] = ()  # names of the source that may stand before a root
        self.left_out: list[tuple[int, int]] = []  # where they stand
        self.chains: set[int] = set()  # ids of what AND and OR made, not BETWEEN
        self._at = 0
        self._nested = 0
        self._count = 0
        self._depths: dict[int, int] = {}
        self._kept: list[Node] = []  # so that no id is used twice
        self._tokens: list[Token] = []

    def open(self) -> None:
        """Make the tokens.

        Raises:
            Stop: there are none, or the text is too long.
        """
        text = self.excerpt.text
        if not text.strip():
            raise self.stop("the text is empty", 0, len(text))
        if len(text) > MAX_TEXT:
            message = f"the text has {len(text)} characters; the limit is {MAX_TEXT}"
            raise self.stop(message, 0, len(text), code="rule_limit")
        found = tokens_of(text)
        if isinstance(found, int):
            raise self.stop("a quote or comment that nothing ends", found, found + 1)
        self._tokens = found

    # --- tokens

    @property
    def token(self) -> Token:
        """Return the token to read next."""
        return self._tokens[self._at]

    def peek(self, ahead: int = 1) -> Token:
        """Return a token behind the next one."""
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        """Return the next token and go past it."""
        token = self.token
        if token.kind != "end":
            self._at += 1
        return token

    def taken(self, *uppers: str) -> Token | None:
        """Return the next token and go past it if it is one of these words or signs."""
        return self.take() if self.token.upper in uppers and self.token.upper else None

    def want(self, upper: str) -> Token:
        """Return the next token, which must be this word or sign.

        Raises:
            Stop: it is another.
        """
        token = self.taken(upper)
        if token is None:
            raise self.unexpected(f"{upper} is missing here")
        return token

    def previous_end(self) -> int:
        """Return where the token just read ends."""
        return self._tokens[self._at - 1].end if self._at else 0

    # --- findings

    def find(
        self,
        message: str,
        start: int,
        end: int,
        hint: str | None = None,
        *,
        code: str = "rule_syntax",
    ) -> Broken:
        """Report a finding and return the node that stands for it."""
        self.findings.append(self.excerpt.finding(code, message, start, end, hint=hint))
        return Broken(start, end)

    def stop(
        self,
        message: str,
        start: int,
        end: int,
        hint: str | None = None,
        *,
        code: str = "rule_syntax",
    ) -> Stop:
        """Report a finding after which nothing can be read, and return what to raise."""
        self.find(message, start, end, hint, code=code)
        return Stop()

    def unexpected(self, message: str | None = None) -> Stop:
        """Refuse the next token, by its name where it is something that rules do not have."""
        token = self.token
        start, end = token.start, max(token.end, token.start + 1)
        if token.upper in names.CLAUSES:
            what, hint = names.CLAUSES[token.upper]
            return self.stop(f"{what}: not in the rule language", start, end, hint)
        if token.upper in names.OPERATORS:
            hint = names.OPERATORS[token.upper]
            return self.stop(f"{token.upper} is not in the rule language", start, end, hint)
        if token.upper in ("SELECT", "WITH", "VALUES"):
            hint = "a rule sees one event; for items any_match(what.items, x -> …)"
            return self.stop("subqueries: not in the rule language", start, end, hint)
        shown = f"{token.text!r} cannot stand here" if token.text else "the text ends too early"
        return self.stop(message or shown, start, end)

    # --- nodes

    def _made(self, node: Node, *below: Node) -> Node:
        depth = 1 + max((self._depths.get(id(each), 0) for each in below), default=0)
        self._depths[id(node)] = depth
        self._kept.append(node)
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            limit = f"{MAX_DEPTH} levels" if depth > MAX_DEPTH else f"{MAX_NODES} parts"
            message = f"the expression has more than {limit}"
            raise self.stop(message, node.start, node.end, code="rule_limit")
        return node

    def _apply(
        self, function: str, args: Iterable[Node], start: int, name_end: int | None = None
    ) -> Node:
        given = tuple(args)
        return self._made(Apply(function, given, start, self.previous_end(), name_end), *given)

    def expression(self) -> Node:
        """Read one expression.

        Raises:
            Stop: there is none.
        """
        self._nested += 1
        if self._nested > MAX_DEPTH:
            message = f"the expression has more than {MAX_DEPTH} levels"
            raise self.stop(message, self.token.start, self.token.end, code="rule_limit")
        node = self._chain("OR", self._and)
        self._nested -= 1
        return node

    def _and(self) -> Node:
        return self._chain("AND", self._not)

    def _chain(self, word: str, operand: Callable[[], Node]) -> Node:
        first = operand()
        if self.token.upper != word:
            return first
        args = [first]
        while self.taken(word):
            args.append(operand())
        node = self._apply(word.lower(), args, first.start)
        self.chains.add(id(node))
        return node

    def _not(self) -> Node:
        token = self.taken("NOT")
        if token is None:
            return self._comparison()
        return self._nest(lambda: self._apply("not", [self._not()], token.start))

    def _nest(self, read: Callable[[], Node]) -> Node:
        self._nested += 1
        if self._nested > MAX_DEPTH:
            message = f"the expression has more than {MAX_DEPTH} levels"
            raise self.stop(message, self.token.start, self.token.end, code="rule_limit")
        node = read()
        self._nested -= 1
        return node

    def _comparison(self) -> Node:
        left = self._concat()
        function = _COMPARE.get(self.token.upper)
        if function is not None:
            self.take()
            node = self._apply(function, [left, self._concat()], left.start)
            if self.token.upper in _COMPARE:
                hint = "write a < b AND b < c"
                place = self.token
                raise self.stop("comparisons cannot be chained", place.start, place.end, hint)
            left = node
        while self.token.upper in _PREDICATES:
            left = self._predicate(left)
        if self.token.upper in names.OPERATORS:
            raise self.unexpected()
        return left

    def _predicate(self, left: Node) -> Node:
        if self.taken("IS"):
            return self._is(left)
        negative = self.taken("NOT") is not None
        if self.taken("IN"):
            node = self._in(left)
        elif self.taken("BETWEEN"):
            low = self._concat()
            self.want("AND")
            high = self._concat()
            parts = [
                self._apply("ge", [left, low], left.start),
                self._apply("le", [left, high], left.start),
            ]
            node = self._apply("and", parts, left.start)
        elif self.taken("LIKE"):
            node = self._like(left)
        else:
            raise self.unexpected()
        if negative and not isinstance(node, Broken):
            return self._apply("not", [node], left.start)
        return node

    def _is(self, left: Node) -> Node:
        negative = self.taken("NOT") is not None
        word = self.take()
        if word.upper == "NULL":
            node = self._apply("is_null", [left], left.start)
            return self._apply("not", [node], left.start) if negative else node
        if word.upper in ("TRUE", "FALSE"):
            if word.upper == "FALSE":
                left = self._apply("not", [left], left.start)
            yes, no = (self._made(Constant(value, word.start, word.end)) for value in (True, False))
            return self._apply("if_", [left, no, yes] if negative else [left, yes, no], left.start)
        hint = "IS asks for NULL, TRUE or FALSE; compare with ="
        raise self.stop("IS with something else", word.start, word.end, hint)

    def _in(self, left: Node) -> Node:
        start = self.want("(").start
        if self.token.upper in ("SELECT", "WITH", "UNNEST"):
            raise self.unexpected()
        items: list[Node] = []
        before = self._count
        while not self.taken(")"):
            if items:
                self.want(",")
            items.append(self.expression())
            self._count = before + 1  # a long list is one part
            if len(items) > MAX_LIST:
                message = f"a list of more than {MAX_LIST} items"
                raise self.stop(message, start, self.previous_end(), code="rule_limit")
        if not items:
            message = "IN with an empty list is never TRUE"
            return self.find(message, start, self.previous_end())
        return self._apply("in", [left, *items], left.start)

    def _like(self, left: Node) -> Node:
        pattern = self._concat()
        escape: Node | None = None
        if self.taken("ESCAPE"):
            escape = self._primary()
        for node in (pattern, escape):
            if node is not None and not (isinstance(node, Constant) and type(node.value) is str):
                hint = "for a text that is computed use contains, starts_with or ends_with"
                message = "LIKE takes a literal pattern"
                return self.find(message, node.start, node.end, hint)
        sign = str(escape.value) if isinstance(escape, Constant) else ""
        text = str(pattern.value) if isinstance(pattern, Constant) else ""
        found = like(text, sign)
        if found is None:
            hint = "an escape is one character, before %, _ or itself"
            return self.find("not a LIKE pattern", pattern.start, self.previous_end(), hint)
        function, value = found
        constant = self._made(Constant(value, pattern.start, pattern.end))
        return self._apply(function, [left, constant], left.start)

    def _concat(self) -> Node:
        first = self._sum()
        if self.token.upper != "||":
            return first
        args = [first]
        while self.taken("||"):
            args.append(self._sum())
        return self._apply("concat", args, first.start)

    def _sum(self) -> Node:
        return self._left(_SUM, self._product)

    def _product(self) -> Node:
        return self._left(_PRODUCT, self._unary)

    def _left(self, signs: dict[str, str], operand: Callable[[], Node]) -> Node:
        left = operand()
        while self.token.upper in signs:
            function = signs[self.take().upper]
            left = self._apply(function, [left, operand()], left.start)
        return left

    def _unary(self) -> Node:
        token = self.taken("-", "+")
        if token is None:
            return self._postfix()
        operand = self._nest(self._unary)
        if token.text == "+":
            message = "unary + is not in the rule language"
            return self.find(message, token.start, token.end)
        if isinstance(operand, Constant) and type(operand.value) in (int, float):
            value = -operand.value  # type: ignore[operator]
            return self._made(Constant(value, token.start, operand.end))
        return self._apply("neg", [operand], token.start)

    def _postfix(self) -> Node:
        node = self._primary()
        while self.taken("::"):
            node = self._apply(self._type(), [node], node.start)
        if self.token.upper in ("[", "."):
            hint = "only properties of the event have parts"
            raise self.stop("a part of something computed", self.token.start, self.token.end, hint)
        return node

    def _type(self) -> str:
        token = self.take()
        function = names.TYPES.get(token.upper)
        if function is None:
            hint = (
                did_you_mean(token.upper, names.TYPES)
                or "BIGINT, DOUBLE, VARCHAR, BOOLEAN, TIMESTAMP"
            )
            hint = "write date(…) for the day of a time" if token.upper == "DATE" else hint
            message = f"there is no type {token.text or 'here'!r}"
            raise self.stop(message, token.start, max(token.end, token.start + 1), hint)
        if self.token.upper == "(":
            hint = f"write {token.upper}: types have no length"
            raise self.stop("a type with a length", self.token.start, self.token.end, hint)
        return function

    # --- what stands for itself

    def _primary(self) -> Node:
        token = self.token
        if token.kind == "number":
            return self._number(self.take())
        if token.kind == "text":
            return self._text(self.take())
        if token.kind == "sign":
            if token.text == "(":
                return self._parenthesis()
            raise self.unexpected()
        if token.kind == "end":
            raise self.unexpected()
        follows = self.peek().upper
        if token.kind == "word" and follows != ".":
            if token.upper in ("TRUE", "FALSE", "NULL"):
                self.take()
                value = {"TRUE": True, "FALSE": False, "NULL": None}[token.upper]
                return self._made(Constant(value, token.start, token.end))
            if token.upper == "CASE":
                return self._nest(self._case)
            if token.upper in ("CAST", "TRY_CAST") and follows == "(":
                return self._cast()
            if token.upper == "TIMESTAMP" and self.peek().kind == "text":
                self.take()
                return self._apply("timestamp", [self._text(self.take())], token.start)
            if self.peek().kind == "text" and token.upper in ("DATE", "TIME", "INTERVAL"):
                hint = "write TIMESTAMP '2026-11-23T00:00:00Z'"
                message = f"{token.upper} literals are not in the rule language"
                raise self.stop(message, token.start, self.peek().end, hint)
            if follows == "(":
                return self._call()
            if token.upper.lower() in names.FUNCTION_HINTS and token.text not in self.local:
                hint = names.FUNCTION_HINTS[token.upper.lower()]
                message = f"{token.upper} is not in the rule language"
                raise self.stop(message, token.start, token.end, hint)
            if names.is_reserved(token.upper):
                raise self.unexpected()
        return self.access()

    def _number(self, token: Token) -> Node:
        if self.token.kind == "word" and self.token.start == token.end:
            raise self.stop("not a number", token.start, self.token.end)
        whole = token.text.isascii() and token.text.isdigit()
        value: int | float = int(token.text) if whole and len(token.text) < 4_000 else 0
        if not whole:
            try:
                value = float(token.text)
            except ValueError:
                return self.find("not a number", token.start, token.end)
        if value == float("inf") or (whole and (value > INT64_MAX + 1 or len(token.text) >= 4_000)):
            what = "int64" if whole else "float64"
            message = f"a number beyond {what}"
            return self.find(message, token.start, token.end, code="rule_overflow")
        return self._made(Constant(value, token.start, token.end))

    def _text(self, token: Token) -> Node:
        if len(token.text) > MAX_STRING:
            message = f"a text of {len(token.text)} characters; the limit is {MAX_STRING}"
            return self.find(message, token.start, token.end, code="rule_limit")
        if any("\ud800" <= character <= "\udfff" for character in token.text):
            return self.find("an unpaired surrogate in a text", token.start, token.end)
        if self.token.kind == "text":
            hint = "write '' for a quote in a text, || to join texts"
            raise self.stop("two texts side by side", token.start, self.token.end, hint)
        return self._made(Constant(token.text, token.start, token.end))

    def _parenthesis(self) -> Node:
        start = self.take().start
        if self.token.upper in ("SELECT", "WITH", "VALUES"):
            raise self.unexpected()
        node = self.expression()
        if self.token.upper == ",":
            hint = "a list may stand after IN only"
            raise self.stop("a list of values", start, self.token.end, hint)
        self.want(")")
        if isinstance(node, Broken):
            return node
        whole = msgspec.structs.replace(node, start=start, end=self.previous_end())
        self._depths[id(whole)] = self._depths[id(node)]
        self._kept.append(whole)
        return whole

    def _case(self) -> Node:
        start = self.take().start
        subject = self.expression() if self.token.upper != "WHEN" else None
        branches: list[tuple[Node, Node]] = []
        while self.taken("WHEN"):
            condition = self.expression()
            if subject is not None:
                condition = self._apply("eq", [subject, condition], condition.start)
            self.want("THEN")
            branches.append((condition, self.expression()))
        if not branches:
            raise self.unexpected("CASE needs WHEN … THEN …")
        if self.taken("ELSE"):
            node = self.expression()
        else:
            node = self._made(Constant(None, self.token.start, self.token.end))
        self.want("END")
        for condition, value in reversed(branches):
            node = self._apply("if_", [condition, value, node], start)
        return node

    def _cast(self) -> Node:
        word = self.take()
        self.want("(")
        value = self.expression()
        self.want("AS")
        function = self._type()
        self.want(")")
        node = self._apply(function, [value], word.start)
        return node if word.upper == "CAST" else self._apply("try_", [node], word.start)

    def access(self) -> Node:
        """Read a path: names, and indices in brackets."""
        token = self.take()
        if token.kind == "word" and token.text in self.prefixes and self.token.upper == ".":
            self.left_out.append((token.start, self.take().end))
            token = self._name()
        root, start, root_end = token.text, token.start, token.end
        parts: list[str | int] = []
        ends: list[int] = []
        while self.token.upper in (".", "["):
            if self.take().text == ".":
                parts.append(self._name().text)
            else:
                key = self.take()
                if key.kind == "text":
                    parts.append(key.text)
                elif key.kind == "number" and key.text.isascii() and key.text.isdigit():
                    parts.append(int(key.text[:20]))
                else:
                    hint = "write ['name'] for a key, [0] for the first item"
                    raise self.stop("an index must be a constant", key.start, key.end, hint)
                self.want("]")
            ends.append(self.previous_end())
        if root not in ROOTS and root not in self.local and (parts or not self._flat(root)):
            near = did_you_mean(root, (*ROOTS, *self.local))
            hint = near or "a text stands in '…'; a property has its namespace, such as what.price"
            message = f"there is no name {root!r}"
            return self.find(message, start, root_end, hint, code="rule_name")
        end = self.previous_end()
        return self._made(Access(root, tuple(parts), tuple(ends), start, end))

    def _flat(self, name: str) -> bool:
        """Say whether a name may be a column of the lake: names.py's caller resolves it."""
        return ("_" in name and name.isidentifier()) or name in (
            "app",
            "env",
            "grade",
            "revision",
            "weight",
        )

    def _name(self) -> Token:
        token = self.take()
        if token.kind not in ("word", "quoted"):
            raise self.stop("a name is missing here", token.start, max(token.end, token.start + 1))
        return token

    # --- functions

    def _call(self) -> Node:
        return self._nest(self._called)

    def _called(self) -> Node:
        word = self.take()
        name = word.text.lower()
        self.want("(")
        if name in names.QUANTIFIERS:
            return self._each(word, names.QUANTIFIERS[name])
        many = self.token.upper in ("DISTINCT", "ALL") and self.peek().upper != "("
        if many or self.token.upper in ("SELECT", "*"):
            hint = names.FUNCTION_HINTS.get(name, "a rule sees one event")
            message = "aggregates and subqueries are not in the rule language"
            raise self.stop(message, word.start, self.token.end, hint)
        args: list[Node] = []
        while not self.taken(")"):
            if args:
                if self.token.upper in ("FROM", "FOR", "IN"):
                    hint = names.FUNCTION_HINTS.get(name, "give the arguments with commas")
                    raise self.stop("words between arguments", word.start, self.token.end, hint)
                self.want(",")
            args.append(self.expression())
        if self.token.upper in ("OVER", "FILTER"):
            raise self.unexpected()
        if name == "nullif" and len(args) == 2:
            same = self._apply("eq", args, word.start)
            null = self._made(Constant(None, word.start, self.previous_end()))
            return self._apply("if_", [same, null, args[0]], word.start)
        return self._function(word, names.FUNCTION_NAMES.get(name, name), args)

    def _function(self, word: Token, name: str, args: list[Node]) -> Node:
        counted = names.COUNTED_FROM_ONE.get(name, len(args))
        if counted < len(args):
            args[counted] = self._from_zero(name, args[counted])
        elif name in self.functions or name == "mod":
            pass
        elif not is_callable(name):
            hint = names.FUNCTION_HINTS.get(name)
            if hint is None and name in ALIASES:
                hint = f"did you mean '{ALIASES[name]}'?"
            near = [*filter(is_callable, FUNCTIONS), *self.functions]
            hint = hint or did_you_mean(name, near)
            message = f"there is no function {word.text!r}"
            return self.find(message, word.start, word.end, hint, code="rule_function")
        return self._apply(name, args, word.start, word.end)

    def _from_zero(self, name: str, start: Node) -> Node:
        """Return an argument that SQL counts from 1 as the language does, from 0."""
        if isinstance(start, Constant) and type(start.value) is int:
            if start.value >= 1:
                return self._made(Constant(start.value - 1, start.start, start.end))
            hint = "1 is the first in SQL"
            return self.find(f"{name} counts from 1", start.start, start.end, hint)
        if isinstance(start, Apply) and start.function == "add":
            first, second = start.args
            if isinstance(second, Constant) and second.value == 1 and type(second.value) is int:
                return first
        one = self._made(Constant(1, start.start, start.end))
        return self._made(Apply("sub", (start, one), start.start, start.end), start, one)

    def _each(self, word: Token, function: names.Quantifier) -> Node:
        array = self.expression()
        self.want(",")
        item = self._name()
        taken = item.text in self.local or item.text in ROOTS or not item.text.isidentifier()
        if taken or not item.text.isascii():
            hint = "call the item otherwise, in ASCII letters"
            message = f"the name {item.text!r} is taken or not plain"
            raise self.stop(message, item.start, item.end, hint, code="rule_name")
        if not self.taken("->"):
            raise self.unexpected(f"write {word.text}(array, x -> …)")
        self.local.append(item.text)
        body = self.expression()
        self.local.remove(item.text)
        self.want(")")
        node = ForEach(function, array, item.text, body, word.start, self.previous_end())
        return self._made(node, array, body)
