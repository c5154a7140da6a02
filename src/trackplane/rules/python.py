"""The Python front end: an expression's text to a syntax tree, through ``ast``, allow-listed.

Nothing is ever evaluated. Line breaks count as spaces, so an expression may span lines.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import unicodedata
from collections.abc import Iterable
from typing import Final, Literal

from trackplane.errors import Finding, did_you_mean
from trackplane.plan.names import skeleton
from trackplane.rules.functions import ALIASES, FUNCTIONS, suggestion
from trackplane.rules.source import Excerpt
from trackplane.rules.syntax import Access, Apply, Broken, Constant, ForEach, Node
from trackplane.rules.values import INT64_MAX

MAX_TEXT: Final = 8_000  # characters of an expression
MAX_DEPTH: Final = 40
MAX_NODES: Final = 1_000
MAX_STRING: Final = 1_000  # characters of a constant
MAX_LIST: Final = 1_000  # items of an in-list

ROOTS: Final = ("id", "event", "who", "when", "where", "how", "what", "meta")

_BINARY: Final = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Mod: "mod",
}
_COMPARE: Final = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
Quantifier = Literal["any", "all", "filter", "map"]
_CONSTANTS: Final = {"true": "True", "false": "False", "null": "None", "nil": "None"}
# Marks of writing direction and spaces without width: an expression must read as it is shown.
_HIDDEN: Final = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BAD_ESCAPE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\[^\n\\'\"abfnrtvxuUN0-7]")

# What Python has and the language has not -> what to say, and what to do instead.
_REFUSED: Final[dict[type[ast.AST], tuple[str, str]]] = {
    ast.JoinedStr: ("f-strings", "use concat(…) or +"),
    ast.Lambda: ("lambdas", "write the expression itself"),
    ast.NamedExpr: ("assignments", "write the expression twice"),
    ast.SetComp: ("comprehensions", "write a list: [x.a for x in what.items]"),
    ast.DictComp: ("comprehensions", "write a list: [x.a for x in what.items]"),
    ast.Await: ("await", "rules do not wait"),
    ast.Yield: ("yield", "a rule has one output"),
    ast.Dict: ("dictionaries", "select the columns one by one"),
    ast.List: ("lists", "a list may stand after `in` only"),
    ast.Tuple: ("tuples", "a list may stand after `in` only"),
    ast.Set: ("sets", "a list may stand after `in` only"),
    ast.Starred: ("* arguments", "write the arguments"),
    ast.Slice: ("slices", "use substr(text, start, count)"),
}


def parse(
    excerpt: Excerpt, names: Iterable[str] = (), functions: Iterable[str] = ()
) -> tuple[Node, list[Finding]]:
    """Return an expression's syntax tree and everything that is wrong with its form.

    ``names`` are what the expression may read besides the event: the item of an ``explode`` before,
    the parameters of a user function. ``functions`` are the user functions it may call.

    >>> parse(Excerpt.of("what.n > 1"))[0].function
    'gt'
    """
    reader = _Reader(excerpt, names, functions)
    return reader.read(), reader.findings


class _Reader:
    def __init__(self, excerpt: Excerpt, names: Iterable[str], functions: Iterable[str]) -> None:
        self.excerpt = excerpt
        self._functions = functions
        self._local = list(names)
        self.findings: list[Finding] = []
        self._nodes = 0
        self._shift = 0
        self._bytes: list[int] | None = None  # UTF-8 offset -> character offset, if they differ

    def read(self) -> Node:
        text = self.excerpt.text
        whole = Broken(0, len(text))
        if not text.strip():
            return self._fail(whole, "rule_syntax", "the expression is empty")
        if len(text) > MAX_TEXT:
            message = f"the expression has {len(text)} characters; the limit is {MAX_TEXT}"
            return self._fail(whole, "rule_limit", message)
        flat = re.sub(r"[\r\n\t]", " ", text)
        line = flat.lstrip(" ")
        self._shift = len(flat) - len(line)
        if not line.isascii():
            self._bytes = [i for i, c in enumerate(line) for _ in c.encode(errors="replace")]
            self._bytes.append(len(line))
        hidden = _HIDDEN.search(text)
        if hidden is not None:
            place = Broken(*hidden.span())
            code = f"U+{ord(hidden.group()):04X} {unicodedata.name(hidden.group(), '')}".rstrip()
            hint = "in a text write it as \\u and four digits"
            message = f"an invisible character: {code}"
            return self._fail(place, "rule_look_alike", message, hint)
        if not self._tokens(line):
            return whole
        try:
            tree = ast.parse(line, mode="eval")
        except SyntaxError as error:
            start = self._shift + max(0, (error.offset or 1) - 1)
            place = Broken(start, start + 1)
            message = f"not a Python expression: {error.msg}"
            return self._fail(place, "rule_syntax", message, _syntax_hint(line))
        except (ValueError, RecursionError, MemoryError):
            return self._fail(whole, "rule_limit", "the expression is nested too deeply")
        return self._node(tree.body, 1)

    def _tokens(self, line: str) -> bool:
        """Refuse what ``ast`` would swallow: comments and escapes that mean nothing."""
        try:
            for token in tokenize.generate_tokens(io.StringIO(line).readline):
                place = Broken(self._shift + token.start[1], self._shift + token.end[1])
                if token.type == tokenize.COMMENT:
                    hint = "write comments in the YAML around it"
                    self._fail(place, "rule_syntax", "a comment inside an expression", hint)
                    return False
                if token.type == tokenize.STRING:
                    prefix = token.string[
                        : len(token.string) - len(token.string.lstrip("rRbBfFuU"))
                    ]
                    if "r" not in prefix.lower() and _BAD_ESCAPE.search(token.string):
                        hint = f"write r{token.string.lstrip('uU')}"
                        self._fail(place, "rule_syntax", "a backslash that escapes nothing", hint)
                        return False
        except (tokenize.TokenError, SyntaxError):
            return True  # ast.parse says it better
        return True

    def _fail(self, place: Node, code: str, message: str, hint: str | None = None) -> Broken:
        self.findings.append(self.excerpt.finding(code, message, place.start, place.end, hint=hint))
        return Broken(place.start, place.end)

    def _span(self, node: ast.expr) -> tuple[int, int]:
        return self._offset(node.col_offset), self._offset(node.end_col_offset or node.col_offset)

    def _offset(self, column: int) -> int:
        if self._bytes is not None:
            column = self._bytes[min(column, len(self._bytes) - 1)]
        return self._shift + column

    def _node(self, node: ast.expr, depth: int) -> Node:
        start, end = self._span(node)
        here = Broken(start, end)
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            if not any(finding.code == "rule_limit" for finding in self.findings):
                limit = f"{MAX_DEPTH} levels" if depth > MAX_DEPTH else f"{MAX_NODES} parts"
                self._fail(here, "rule_limit", f"the expression has more than {limit}")
            return here
        match node:
            case ast.Constant():
                return self._constant(node.value, here)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._access(node, here)
            case ast.BoolOp():
                name = "and" if isinstance(node.op, ast.And) else "or"
                args = tuple(self._node(value, depth + 1) for value in node.values)
                return Apply(name, args, start, end)
            case ast.UnaryOp():
                return self._unary(node, here, depth)
            case ast.BinOp():
                return self._binary(node, here, depth)
            case ast.Compare():
                return self._compare(node, here, depth)
            case ast.IfExp():
                parts = (node.test, node.body, node.orelse)
                args = tuple(self._node(part, depth + 1) for part in parts)
                return Apply("if_", args, start, end)
            case ast.Call():
                return self._call(node, here, depth)
            case ast.ListComp() | ast.GeneratorExp():
                return self._each(node, "map", here, depth)
        what, hint = _REFUSED.get(type(node), (type(node).__name__, None))
        return self._fail(here, "rule_syntax", f"{what} are not in the rule language", hint)

    def _constant(self, value: object, here: Node) -> Node:
        if isinstance(value, str):
            if len(value) > MAX_STRING:
                message = f"a text of {len(value)} characters; the limit is {MAX_STRING}"
                return self._fail(here, "rule_limit", message)
            if any("\ud800" <= character <= "\udfff" for character in value):
                return self._fail(here, "rule_syntax", "an unpaired surrogate in a text")
        elif isinstance(value, float):
            if value in (float("inf"), float("-inf")):
                return self._fail(here, "rule_overflow", "a number beyond float64")
        elif isinstance(value, int):  # bool too
            if value > INT64_MAX + 1:
                return self._fail(here, "rule_overflow", "a number beyond int64")
        elif value is not None:
            kind = type(value).__name__
            return self._fail(here, "rule_syntax", f"{kind} literals are not in the rule language")
        return Constant(value, here.start, here.end)

    def _unary(self, node: ast.UnaryOp, here: Node, depth: int) -> Node:
        operand = self._node(node.operand, depth + 1)
        if isinstance(node.op, ast.Not):
            return Apply("not", (operand,), here.start, here.end)
        if isinstance(node.op, ast.USub):
            number = isinstance(operand, Constant) and type(operand.value) in (int, float)
            if number and isinstance(operand, Constant) and isinstance(operand.value, int | float):
                return Constant(-operand.value, here.start, here.end)
            return Apply("neg", (operand,), here.start, here.end)
        sign = "+" if isinstance(node.op, ast.UAdd) else "~"
        return self._fail(here, "rule_syntax", f"unary {sign} is not in the rule language")

    def _binary(self, node: ast.BinOp, here: Node, depth: int) -> Node:
        name = _BINARY.get(type(node.op))
        args = (self._node(node.left, depth + 1), self._node(node.right, depth + 1))
        if name is not None:
            return Apply(name, args, here.start, here.end)
        hints = {
            ast.BitAnd: "write `and`",
            ast.BitOr: "write `or`",
            ast.FloorDiv: "write int(floor(a / b)) with float64 a and b",
        }
        sign = type(node.op).__name__
        hint = hints.get(type(node.op))
        return self._fail(here, "rule_syntax", f"{sign} is not in the rule language", hint)

    def _compare(self, node: ast.Compare, here: Node, depth: int) -> Node:
        links: list[Node] = []
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            start, end = self._span(left)[0], self._span(right)[1]
            links.append(self._link(left, operator, right, Broken(start, end), depth))
            left = right
        return links[0] if len(links) == 1 else Apply("and", tuple(links), here.start, here.end)

    def _link(
        self, left: ast.expr, operator: ast.cmpop, right: ast.expr, here: Node, depth: int
    ) -> Node:
        first = self._node(left, depth + 1)
        start, end = here.start, here.end
        if isinstance(operator, ast.In | ast.NotIn):
            found = self._in(first, right, here, depth)
            negative = isinstance(operator, ast.NotIn) and not isinstance(found, Broken)
            return Apply("not", (found,), start, end) if negative else found
        if isinstance(operator, ast.Is | ast.IsNot):
            if not (isinstance(right, ast.Constant) and right.value is None):
                hint = "`is` asks for None only; compare with =="
                return self._fail(here, "rule_syntax", "`is` with something else than None", hint)
            found = Apply("is_null", (first,), start, end)
            return Apply("not", (found,), start, end) if isinstance(operator, ast.IsNot) else found
        return Apply(_COMPARE[type(operator)], (first, self._node(right, depth + 1)), start, end)

    def _in(self, first: Node, right: ast.expr, here: Node, depth: int) -> Node:
        if not isinstance(right, ast.Tuple | ast.List | ast.Set):
            whole = self._node(right, depth + 1)
            return Apply("contains", (whole, first), here.start, here.end)
        if len(right.elts) > MAX_LIST:
            message = f"a list of {len(right.elts)} items; the limit is {MAX_LIST}"
            return self._fail(here, "rule_limit", message)
        if not right.elts:
            return self._fail(here, "rule_syntax", "`in` with an empty list is never TRUE")
        before = self._nodes
        items = tuple(self._node(item, depth + 1) for item in right.elts)
        self._nodes = before + 1  # a long list is one part
        return Apply("in", (first, *items), here.start, here.end)

    def _call(self, node: ast.Call, here: Node, depth: int) -> Node:
        if isinstance(node.func, ast.Attribute):
            name = ALIASES.get(node.func.attr, node.func.attr)
            known = _is_callable(name)
            hint = f"write {name}({ast.unparse(node.func.value)}, …)" if known else None
            return self._fail(here, "rule_syntax", "methods are not in the rule language", hint)
        if not isinstance(node.func, ast.Name):
            return self._fail(here, "rule_syntax", "only functions can be called")
        name = node.func.id
        name = "length" if name == "len" else name
        name_end = self._span(node.func)[1]
        if not self._plain(here.start, name_end):
            return here
        if name in ("any", "all"):
            return self._item_test("any" if name == "any" else "all", node, here, depth)
        args = tuple(self._node(argument, depth + 1) for argument in node.args)
        if node.keywords:
            hint = "give the arguments by position"
            self._fail(here, "rule_syntax", "named arguments are not in the rule language", hint)
        if not _is_callable(name) and name not in self._functions:
            callable_ = [*filter(_is_callable, FUNCTIONS), *self._functions]
            hint = suggestion(name, callable_)
            place = Broken(here.start, name_end)
            self._fail(place, "rule_function", f"there is no function {name!r}", hint)
            return here
        return Apply(name, args, here.start, here.end, name_end)

    def _plain(self, start: int, end: int) -> bool:
        """Refuse a function's or namespace's name that Python would read as an ASCII one."""
        written = self.excerpt.text[start:end]
        if written.isascii():
            return True
        message = (
            f"{written!r} is not written in ASCII letters: it looks like {skeleton(written)!r}"
        )
        self._fail(Broken(start, end), "rule_look_alike", message, "type it again")
        return False

    def _one_script(self, written: str, end: int) -> bool:
        """Refuse a property's name that mixes ASCII letters with such as look like them."""
        looks = skeleton(written)
        mixed = any(letter.isascii() and letter.isalpha() for letter in written)
        if written.isascii() or not mixed or looks == written.casefold():
            return True
        strange = ", ".join(
            f"{letter!r} {unicodedata.name(letter, '')}".rstrip()
            for letter in dict.fromkeys(written)
            if skeleton(letter) != letter.casefold()
        )
        message = f"{written!r} only looks like {looks!r}: it has {strange}"
        place = Broken(end - len(written), end)
        self._fail(place, "rule_look_alike", message, 'meant so? write ["…"] with the name')
        return False

    def _item_test(self, name: Quantifier, node: ast.Call, here: Node, depth: int) -> Node:
        """Read ``any(…)`` and ``all(…)``: of a comprehension, or of an array of bools."""
        if len(node.args) != 1 or node.keywords:
            hint = f"write {name}(x.price > 1.0 for x in what.items)"
            return self._fail(here, "rule_syntax", f"{name} takes one array or comprehension", hint)
        argument = node.args[0]
        if isinstance(argument, ast.ListComp | ast.GeneratorExp):
            return self._each(argument, name, here, depth)
        array = self._node(argument, depth + 1)
        start, end = here.start, here.end
        item = Access(self._fresh(), (), (), start, end)
        return ForEach(name, array, item.root, item, start, end)

    def _fresh(self) -> str:
        name, count = "item", 1
        while name in self._local:
            count += 1
            name = f"item{count}"
        return name

    def _each(
        self, node: ast.ListComp | ast.GeneratorExp, function: Quantifier, here: Node, depth: int
    ) -> Node:
        """Read ``body for x in array if condition``; the condition filters first."""
        start, end = here.start, here.end
        if len(node.generators) > 1:
            hint = "flatten the arrays first, or nest: any(any(… for y in x.a) for x in what.b)"
            return self._fail(here, "rule_syntax", "two `for` in one comprehension", hint)
        loop = node.generators[0]
        if loop.is_async or not isinstance(loop.target, ast.Name):
            hint = "write for x in …"
            return self._fail(here, "rule_syntax", "the item needs one plain name", hint)
        name = loop.target.id
        if name in self._local or name in ROOTS or not name.isascii():
            place = Broken(*self._span(loop.target))
            hint = "call the item otherwise, in ASCII letters"
            return self._fail(place, "rule_name", f"the name {name!r} is taken or not plain", hint)
        array = self._node(loop.iter, depth + 1)
        self._local.append(name)
        conditions = tuple(self._node(test, depth + 1) for test in loop.ifs)
        body = self._node(node.elt, depth + 1)
        self._local.remove(name)
        if conditions:
            test = conditions[0]
            if len(conditions) > 1:
                test = Apply("and", conditions, conditions[0].start, conditions[-1].end)
            array = ForEach("filter", array, name, test, start, end)
            if (
                function == "map"
                and isinstance(body, Access)
                and (body.root, body.parts) == (name, ())
            ):
                return array
        return ForEach(function, array, name, body, start, end)

    def _access(self, node: ast.expr, here: Node) -> Node:
        parts: list[str | int] = []
        ends: list[int] = []
        while not isinstance(node, ast.Name):
            ends.append(self._span(node)[1])
            if isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Subscript):
                key = node.slice.value if isinstance(node.slice, ast.Constant) else None
                if isinstance(node.slice, ast.Slice):
                    what, hint = _REFUSED[ast.Slice]
                    return self._fail(here, "rule_syntax", f"{what} are not in the language", hint)
                if isinstance(key, bool) or not isinstance(key, str | int):
                    hint = 'write ["name"] for a key, [0] for an item'
                    return self._fail(here, "rule_syntax", "an index must be a constant", hint)
                parts.append(key)
                node = node.value
            else:
                hint = "only properties of the event have parts"
                return self._fail(here, "rule_syntax", "a part of something computed", hint)
        ends.reverse()
        parts.reverse()
        root_end = self._span(node)[1]
        for index, (before, end) in enumerate(zip([root_end, *ends], ends, strict=False)):
            if isinstance(parts[index], str) and self.excerpt.text[end - 1] != "]":
                # As written: Python would have normalised the name (NFKC).
                written = self.excerpt.text[before:end].lstrip(" \t\r\n.)")
                if not self._one_script(written, end):
                    return here
                parts[index] = written
        if not self._plain(self._span(node)[0], root_end):
            return here
        if node.id not in ROOTS and node.id not in self._local:
            hint = (
                f"write {_CONSTANTS[node.id]}"
                if node.id in _CONSTANTS
                else did_you_mean(node.id, (*ROOTS, *self._local))
                or "a text needs quotes; a property its namespace, such as what.price"
            )
            place = Broken(here.start, root_end)
            return self._fail(place, "rule_name", f"there is no name {node.id!r}", hint)
        return Access(node.id, tuple(parts), tuple(ends), here.start, here.end)


def _is_callable(name: str) -> bool:
    return name in FUNCTIONS and FUNCTIONS[name].sign is None


def _syntax_hint(line: str) -> str | None:
    if re.search(r"(?<![=!<>])=(?!=)", line):
        return "compare with =="
    if "&&" in line or "||" in line:
        return "write `and`, `or`"
    if re.search(r"!(?!=)", line):
        return "write `not`"
    if re.search(r"\b(if|try|min|max)\s*\(", line):
        return "the functions are if_(…), try_(…)"
    return None
