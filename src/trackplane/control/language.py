"""The language as data, for editors that complete and explain it."""

from __future__ import annotations

from typing import Final

from trackplane.control import rule_wire
from trackplane.control.operations import Call, Operations
from trackplane.discovery.compile import definitions_of
from trackplane.event import BUILT_IN
from trackplane.rules import ir
from trackplane.rules.functions import ALIASES, FUNCTIONS, Function
from trackplane.rules.load import RULE_KEYS
from trackplane.rules.load_actions import ACTION_KEYS
from trackplane.rules.scope import STAMPED

operations: Final = Operations("language")

_TYPES: Final = {"integer": "int64", "number": "float64", "boolean": "bool"}


@operations.add("GET", "/language")
def get_language(call: Call) -> rule_wire.Language:
    """Show what a rule can be written with: functions, built-in properties, actions, names."""
    definitions = definitions_of(call.platform.publisher.snapshot)
    functions = [_function(function) for function in FUNCTIONS.values()]
    functions += [_user(function) for function in definitions.functions.values()]
    return rule_wire.Language(
        version=ir.LANGUAGE,
        functions=functions,
        aliases=dict(ALIASES),
        properties=[
            rule_wire.LanguageProperty(
                path=path, type=_TYPES.get(kind, kind), nullable=path not in STAMPED
            )
            for path, kind in BUILT_IN.items()
        ],
        actions=list(ACTION_KEYS),
        rule_keys=list(RULE_KEYS),
        column_types=list(ir.COLUMN_TYPES),
        datasets=sorted(definitions.datasets),
        tables=sorted(definitions.tables),
        scripts=sorted(definitions.scripts),
    )


def _function(function: Function) -> rule_wire.LanguageFunction:
    return rule_wire.LanguageFunction(
        name=function.name,
        sign=function.sign or "",
        doc=function.doc,
        group=function.group,
        signatures=[str(signature) for signature in function.signatures],
        examples=[f"{text} -> {_shown(value)}" for text, value in function.examples],
        cost=function.cost,
        can_fail=any(signature.failure == "input" for signature in function.signatures),
        origin="built_in",
    )


def _shown(value: object) -> str:
    return "NULL" if value is None else repr(value)


def _user(function: ir.UserFunction) -> rule_wire.LanguageFunction:
    parameters = ", ".join(f"{name}: {kind}" for name, kind in function.parameters.items())
    return rule_wire.LanguageFunction(
        name=function.name,
        sign="",
        doc=function.description,
        group="user",
        signatures=[f"({parameters}) -> {function.result}"],
        examples=[],
        cost=0,
        can_fail=False,
        origin="user",
    )
