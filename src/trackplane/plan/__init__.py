"""The tracking plan: model, YAML, merge, JSON Schema, validation.

Pure: no I/O, clock or environment.
"""

from trackplane.plan.compatibility import Change, diff
from trackplane.plan.jsonschema import to_json_schema
from trackplane.plan.load import Loaded, PlanError, load_plan, load_plans, load_with_warnings
from trackplane.plan.model import EventSpec, Plan, Property
from trackplane.plan.properties import paths_of, property_at
from trackplane.plan.validate import Validator, compile_validator
from trackplane.plan.violations import CODES, Violation

__all__ = [
    "CODES",
    "Change",
    "EventSpec",
    "Loaded",
    "Plan",
    "PlanError",
    "Property",
    "Validator",
    "Violation",
    "compile_validator",
    "diff",
    "load_plan",
    "load_plans",
    "load_with_warnings",
    "paths_of",
    "property_at",
    "to_json_schema",
]
