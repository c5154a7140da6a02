"""What a rule is checked against: plans, datasets, functions, tables, scripts, and what nodes have."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from trackplane.rules.functions import Function
from trackplane.rules.ir import Dataset, LookupTable, ScriptText, UserFunction
from trackplane.rules.scope import Plans


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """One state of all that rules may name.

    Mappings may be lazy: only what a rule names is asked for. ``keys`` are the names of the secrets
    that nodes hold and ``has_geo`` whether they hold a geo database; None where that is not known,
    and then it is not checked. ``plugins`` are the functions of installed plug-ins.
    """

    plans: Plans = {}
    datasets: Mapping[str, Dataset] = {}
    functions: Mapping[str, UserFunction] = {}
    tables: Mapping[str, LookupTable] = {}
    scripts: Mapping[str, ScriptText] = {}
    keys: frozenset[str] | None = None
    has_geo: bool | None = None
    plugins: Mapping[str, Function] = {}
