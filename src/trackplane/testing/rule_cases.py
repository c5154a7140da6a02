"""Golden cases of whole rules (``spec/cases/rules/actions/*.json``), for every engine.

A file has ``types`` (path -> plan property) of the event ``e``, one merged ``event`` and ``rules``:
each the text of a rule without name and apps, and cases of what it puts out. A case's ``given`` is
merged over the event by namespace; ``outputs`` are what comes out, in order, ``target`` where they go
and ``weight`` what each stands for; ``dirty`` are the codes of failures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from trackplane.event import JsonObject
from trackplane.rules.check import check_rule
from trackplane.rules.definitions import Definitions
from trackplane.rules.ir import Dataset, LookupTable, Rule, ScriptText, UserFunction
from trackplane.rules.library import Environment
from trackplane.rules.load import load_rule
from trackplane.testing.rules import spec_of

_COLUMNS: Final = {
    "id": "string", "s": "string", "n": "int64", "x": "float64", "b": "bool", "t": "timestamp",
    "j": "json",
}  # fmt: skip
TABLE: Final = LookupTable(
    name="countries",
    key="string",
    columns={"region": "string", "rank": "int64"},
    rows={"SG": ("Asia", 1), "FR": ("Europe", None)},
)
DATASETS: Final = {
    **{name: Dataset(name=name, kind="table") for name in ("out", "out2")},
    **{
        name: Dataset(name=name, kind="table", columns=dict(_COLUMNS))  # type: ignore[arg-type]
        for name in ("rows", "rows2")
    },
}
FUNCTIONS: Final = {
    "net": UserFunction(
        name="net",
        parameters={"price": "float64", "tax": "float64"},
        result="float64",
        body="try_(price / (1.0 + tax), 0.0)",
        version=3,
    ),
    "twice": UserFunction(
        name="twice", parameters={"x": "float64"}, result="float64", body="net(x, 0.0) + x"
    ),
    "ratio": UserFunction(
        name="ratio", parameters={"a": "int64", "b": "int64"}, result="float64", body="a / b"
    ),
    "any_over": UserFunction(
        name="any_over",
        parameters={"prices": "array<float64>", "least": "float64"},
        result="bool",
        body="any(x > least for x in prices)",
    ),
}
SCRIPTS: Final = {
    "enrich": ScriptText(name="enrich", text="def transform(event):\n    return event")
}
ENVIRONMENT: Final = Environment(keys={"default": b"secret"}, tables={"countries": TABLE})


class RuleCase(msgspec.Struct, frozen=True, kw_only=True):
    """One golden case of a whole rule."""

    file: str
    text: str
    rule: Rule
    event: JsonObject
    outputs: tuple[JsonObject, ...]
    target: str
    weight: float
    dirty: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {' '.join(self.text.split())[:90]}"


class _Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    outputs: list[JsonObject] = []
    given: JsonObject = {}
    target: str = ""
    weight: float = 1.0
    dirty: list[str] = []


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: str
    cases: list[_Case]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: str
    types: dict[str, Any]
    event: JsonObject
    rules: list[_Rule]


def definitions_of(types: dict[str, Any]) -> Definitions:
    """Return what the rules of a file of cases are checked against."""
    return Definitions(
        plans={("a", "e"): spec_of(types)},
        datasets=DATASETS,
        functions=FUNCTIONS,
        tables={"countries": TABLE},
        scripts=SCRIPTS,
        keys=frozenset(("default",)),
    )


def load_rule_cases(folder: Path) -> list[RuleCase]:
    """Return all cases of a folder's ``*.json`` files, in order."""
    found: list[RuleCase] = []
    for path in sorted(folder.glob("*.json")):
        written = msgspec.json.decode(path.read_bytes(), type=_File)
        definitions = definitions_of(written.types)
        for number, each in enumerate(written.rules):
            text = f"rule: r{number}\napps: [a]\n{each.rule}\n"
            rule = check_rule(load_rule(text, file=path.name), definitions)
            found += [
                RuleCase(
                    file=path.name,
                    text=each.rule,
                    rule=rule,
                    event=_event(written.event, case.given),
                    outputs=tuple(case.outputs),
                    target=case.target or rule.target,
                    weight=case.weight,
                    dirty=tuple(case.dirty),
                )
                for case in each.cases
            ]
    return found


def _event(base: JsonObject, given: JsonObject) -> JsonObject:
    event: JsonObject = {"id": "1", "event": "e", **base}
    for name, value in given.items():
        event[name] = {**event.get(name, {}), **value} if isinstance(value, dict) else value
    meta = {"app": "a", "env": "prod", "grade": "P2", "revision": 1, "weight": 1.0}
    when = {"server": 9, "at": 9, **(event.get("when") or {})}
    return {**event, "when": when, "meta": {**meta, **(event.get("meta") or {})}}
