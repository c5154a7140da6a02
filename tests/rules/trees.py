"""Syntax trees to print and to parse again: any function, any nesting, any name."""

from hypothesis import strategies as st

from trackplane.rules.functions import FUNCTIONS
from trackplane.rules.python import ROOTS
from trackplane.rules.syntax import Access, Apply, Constant, ForEach

TEXT = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("'\"\\%_\n\t\r\0 ;-#:[]{}ﬁ½"),
    max_size=8,
)
NAMES = st.sampled_from(
    [
        "a",
        "total",
        "where",
        "select",
        "class",
        "größe",
        "ﬁ",
        "a b",
        "'",
        '"',
        "1",
        "",
        "and",
        "é\u0301",
    ]
) | TEXT.filter(lambda text: text.strip() == text)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
CONSTANTS = (NUMBERS | TEXT | st.booleans() | st.none()).map(lambda value: Constant(value, 0, 0))
ITEMS = ("x", "item", "order")


@st.composite
def accesses(draw, local):
    parts = tuple(draw(st.lists(NAMES | st.integers(0, 3), max_size=3)))
    if local and draw(st.booleans()):
        return Access(draw(st.sampled_from(local)), parts, (0,) * len(parts), 0, 0)
    root = draw(st.sampled_from(ROOTS))
    parts = (draw(NAMES), *parts) if root not in ("id", "event") else ()
    return Access(root, parts, (0,) * len(parts), 0, 0)


def _arities(function):
    for signature in function.signatures:
        fixed = len(signature.args) - (2 if "…" in signature.args else 0)
        yield from range(fixed, fixed + 3) if "…" in signature.args else [fixed]


@st.composite
def trees(draw, depth=3, local=()):
    kind = draw(st.integers(0, 9)) if depth else 0
    if kind < 2:
        return draw(CONSTANTS | accesses(local))
    if kind == 2 and len(local) < len(ITEMS):
        name = draw(st.sampled_from([name for name in ITEMS if name not in local]))
        array = draw(trees(depth - 1, local))
        function = draw(st.sampled_from(["any", "all", "filter", "map"]))
        return ForEach(function, array, name, draw(trees(depth - 1, (*local, name))), 0, 0)
    function = draw(st.sampled_from(sorted(FUNCTIONS)))
    least = {"in": 2, "and": 2, "or": 2, "concat": 2, "coalesce": 2}.get(function, 0)
    count = max(least, draw(st.sampled_from(sorted(set(_arities(FUNCTIONS[function]))))))
    args = [draw(trees(depth - 1, local)) for _ in range(count)]
    if function == "neg":  # of a number it is a number
        args = [draw(accesses(local))]
    return Apply(function, tuple(args), 0, 0)
