"""The rule language's golden cases (``spec/cases/rules/*.json``), for every evaluator of the IR.

A file has ``types`` (path -> plan property), one merged ``event`` and ``cases``: an expression and
its result, ``{"value": …}``, ``"NULL"`` or ``{"error": code}``. An evaluator is held to them by::

    @pytest.mark.parametrize("case", load_cases(Path("spec/cases/rules")), ids=str)
    def test_my_back_end_agrees(case):
        assert case.same(my_evaluate(case.expression, case.event))

where NULL is ``None`` and an ERROR ``trackplane.rules.reference.RuleFailure``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from trackplane.event import JsonObject
from trackplane.plan.model import EventSpec, Property
from trackplane.rules.check import check_expression
from trackplane.rules.definitions import Definitions
from trackplane.rules.functions import FUNCTIONS, Function
from trackplane.rules.ir import Expression, LookupTable
from trackplane.rules.library import Environment
from trackplane.rules.reference import RuleFailure
from trackplane.rules.source import Excerpt

_PLACES: dict[str, dict[str, Any]] = {
    "81.2.69.142": {
        "city": {"names": {"en": "London"}},
        "continent": {"code": "EU", "names": {"en": "Europe"}},
        "country": {"iso_code": "GB", "names": {"en": "United Kingdom"}},
        "location": {"latitude": 51.5142, "longitude": -0.0931, "time_zone": "Europe/London"},
        "postal": {"code": "EC2V"},
        "subdivisions": [{"iso_code": "ENG", "names": {"en": "England"}}],
    },
    "2001:218::1": {"country": {"iso_code": "JP", "names": {"en": "Japan"}}},
}
# What the cases' functions need: a key, a table, a geo database of two addresses.
ENVIRONMENT = Environment(
    keys={"default": b"0123456789abcdef0123456789abcdef"},
    geo=_PLACES.get,
    tables={
        "countries": LookupTable(
            name="countries",
            key="string",
            columns={"region": "string", "population": "int64"},
            rows={"DE": ("Europe", 83_000_000), "JP": ("Asia", 124_000_000), "AQ": (None, 0)},
        ),
        "shops": LookupTable(
            name="shops",
            key="int64",
            columns={"city": "string", "open": "bool", "area": "float64"},
            rows={"1": ("Bonn", True, 120.5), "-2": ("Jena", False, 80.0)},
        ),
    },
)
DEFINITIONS = Definitions(
    tables=ENVIRONMENT.tables or {}, keys=frozenset({"default"}), has_geo=True
)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One golden case, its expression typed."""

    file: str
    text: str
    expression: Expression
    event: JsonObject
    result: Any  # a value, None or a RuleFailure

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"

    def same(self, result: Any) -> bool:
        """Say whether an evaluator's result is the case's, type and sign of zero included."""
        return type(result) is type(self.result) and (
            result == self.result
            and not (
                isinstance(result, float)
                and math.copysign(1.0, result) != math.copysign(1.0, self.result)
            )
        )


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    expr: str
    result: Any


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: str
    types: dict[str, Any]
    event: JsonObject
    cases: list[_Written]


def load_cases(folder: Path) -> list[Case]:
    """Return all cases of a folder's ``*.json`` files, in order."""
    found = []
    for path in sorted(folder.glob("*.json")):
        written = msgspec.json.decode(path.read_bytes(), type=_File)
        spec = spec_of(written.types)
        event = {
            "id": "1",
            "event": "e",
            "meta": {"app": "a", "env": "prod", "grade": "P2", "revision": 1, "weight": 1.0},
            **written.event,
        }
        event["when"] = {"server": 0, "at": 0, **(event.get("when") or {})}
        for case in written.cases:
            expression = check_expression(
                Excerpt.of(case.expr, path.name), [spec], guarded=True, definitions=DEFINITIONS
            )
            found.append(
                Case(
                    file=path.name,
                    text=case.expr,
                    expression=expression,
                    event=event,
                    result=_result(case.result),
                )
            )
    return found


def example_cases(functions: Iterable[Function] | None = None) -> list[Case]:
    """Return the examples of functions' descriptions as cases; None: of all there are."""
    event = {
        "id": "1",
        "event": "e",
        "when": {"server": 0, "at": 0},
        "meta": {"app": "a", "env": "prod", "grade": "P2", "revision": 1, "weight": 1.0},
    }
    return [
        Case(
            file="examples",
            text=text,
            expression=check_expression(
                Excerpt.of(text), None, guarded=True, definitions=DEFINITIONS
            ),
            event=event,
            result=result,
        )
        for function in (FUNCTIONS.values() if functions is None else functions)
        for text, result in function.examples
    ]


def spec_of(types: Mapping[str, Any], *, app: str = "a", event: str = "e") -> EventSpec:
    """Return the specification of an event with these properties.

    ``types`` maps paths of one level (``what.n``) to a plan type's name or a ``Property`` as JSON.
    """
    properties: dict[str, dict[str, Property]] = {}
    for path, written in types.items():
        root, _, name = path.partition(".")
        value = {"type": [written]} if isinstance(written, str) else written
        properties.setdefault(root, {})[name] = msgspec.convert(value, Property)
    return EventSpec(app=app, event=event, properties=properties)


def _result(written: Any) -> Any:
    if written == "NULL":
        return None
    if isinstance(written, dict) and set(written) == {"error"}:
        return RuleFailure(written["error"])
    if isinstance(written, dict) and set(written) == {"value"}:
        return written["value"]
    raise ValueError(f"a result is NULL, an error or a value, not {written!r}")
