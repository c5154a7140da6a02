"""What every function of a plug-in must do: subclass ``FunctionConformance`` and give it a function.

::

    class TestMine(FunctionConformance):
        @pytest.fixture
        def function(self) -> Function: ...

        # For each signature that takes literals, some texts or numbers that it takes there.
        literals = [["SGD"]]

Values of every type are tried: no exception, the declared type, NULL and ERROR only where declared, the
same result for the same values, and the function's own examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from trackplane.rules import ir
from trackplane.rules.functions import FUNCTIONS, Function, register
from trackplane.rules.library import Failure, bind
from trackplane.rules.library.table import Signature, match, type_of
from trackplane.rules.reference import evaluate
from trackplane.rules.values import INT64_MAX, INT64_MIN
from trackplane.testing.rules import ENVIRONMENT, example_cases

_ODD: Final = (
    "", "ab", "10.1.2.3", "::1", "81.2.69.142", "https://a@B.c:1/x?utm_source=%zz&q=+#f",
    "2026-11-23 10:00:00+0130", "31 Nov 26 12 AM", "[1,{}]", "1e999", "//[", "a@", "x://[::1",
)  # fmt: skip
TEXTS: Final = st.one_of(st.text(max_size=20), st.sampled_from(_ODD))
INTEGERS: Final = st.one_of(
    st.integers(-12, 12), st.integers(INT64_MIN, INT64_MAX), st.sampled_from([INT64_MIN, INT64_MAX])
)
FLOATS: Final = st.floats(allow_nan=False, allow_infinity=False)
JSON: Final[SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=6,
)
_SCALARS: Final[dict[str, SearchStrategy[Any]]] = {
    "string": TEXTS,
    "int64": INTEGERS,
    "float64": FLOATS,
    "bool": st.booleans(),
    "timestamp": st.one_of(st.integers(-(10**14), 3 * 10**14), INTEGERS),
}


def values_of(kind: str) -> SearchStrategy[Any]:
    """Return values of a type as text; the items of arrays and maps may be anything."""
    outer, _, item = kind.partition("<")
    if outer in _SCALARS:
        return _SCALARS[outer]
    items = st.one_of(values_of(item[:-1]), JSON) if item else JSON
    if outer == "array":
        return st.lists(items, max_size=5)
    if outer in ("object", "map"):
        return st.dictionaries(TEXTS, items, max_size=4)
    return JSON.filter(lambda value: value is not None)


def is_of_type(value: Any, wanted: ir.Type) -> bool:
    """Say whether a value is one of the language's of that type."""
    kind = wanted.kind
    if kind in ("int64", "timestamp"):
        return type(value) is int and INT64_MIN <= value <= INT64_MAX
    if kind == "float64":
        return type(value) is float and math.isfinite(value)
    classes = {"string": str, "bool": bool, "array": list, "object": dict, "map": dict}
    return type(value) is classes.get(kind, type(value))


def try_signature(
    function: Function, signature: Signature, literals: Sequence[Any], data: st.DataObject
) -> None:
    """Call one overload with values of its types, and check what it gives.

    Raises:
        AssertionError: it gives what its signature does not say.
    """
    left = list(literals)
    nodes: list[ir.Expression] = []
    values: list[Any] = []
    for number, arg in enumerate(arg for arg in signature.args if arg != "…"):
        kind = arg.replace("any", "json").replace("T", "string")
        if arg.startswith("literal "):
            values.append(left.pop(0))
            nodes.append(ir.Literal(values[-1], type_of(kind.removeprefix("literal "))))
        else:
            values.append(data.draw(values_of(kind)))
            nodes.append(ir.Path("what", (f"p{number}",), type_of(kind)))
    found = match(function, nodes)
    assert found is not None, f"{function.name} has no overload for its own signature {signature}"
    result_type = found[1]
    if function.typed is not None:
        result_type = function.typed(nodes, ENVIRONMENT)
    call = bind(ir.Call(function.name, tuple(nodes), result_type), ENVIRONMENT)
    result = call(*values)
    if isinstance(result, Failure):
        assert signature.failure != "never", f"{function.name} failed: {result}"
    elif result is None:
        assert signature.null, f"{function.name} gave NULL of {values!r}"
    else:
        assert is_of_type(result, result_type), f"{function.name} gave {result!r}: {result_type}"
    assert repr(call(*values)) == repr(result), f"{function.name} is not pure"


class FunctionConformance:
    """The suite."""

    literals: ClassVar[Sequence[Sequence[Any]]] = ()

    def test_it_is_documented(self, function: Function) -> None:
        """Say what it does, in a sentence, with an example."""
        assert function.doc.endswith(".")
        assert function.examples, "give it an example: people copy it, and it is run as a test"
        assert function.cost >= 1

    def test_it_registers_under_its_name(self, function: Function) -> None:
        """Load the plug-in twice, as a control plane and a test in one process do."""
        register(function)
        register(function)
        assert FUNCTIONS[function.name] == function

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_any_values_give_what_its_signatures_say(
        self, function: Function, data: st.DataObject
    ) -> None:
        """Try every overload with any values of its types."""
        register(function)
        for signature in function.signatures:
            wanted = sum(arg.startswith("literal ") for arg in signature.args)
            fitting = [some for some in self.literals if len(some) == wanted] or [()]
            assert wanted == len(fitting[0]), f"say in `literals` what {signature} takes"
            for some in fitting:
                try_signature(function, signature, some, data)

    def test_its_examples_hold(self, function: Function) -> None:
        """Evaluate each example by the reference."""
        register(function)
        for case in example_cases([function]):
            assert evaluate(case.expression, case.event, ENVIRONMENT) == case.result, case.text
