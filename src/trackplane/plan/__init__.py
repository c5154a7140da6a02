"""The tracking plan: model, YAML, merge, JSON Schema, validation.

Pure: no I/O, clock or environment.
"""

from trackplane.plan.changes import Difference, PartChange
from trackplane.plan.diff import difference
from trackplane.plan.format import fmt
from trackplane.plan.jsonschema import to_json_schema
from trackplane.plan.libraries import load_library, split_libraries
from trackplane.plan.lint import LintRules, fix, lint, lint_event, load_rules
from trackplane.plan.load import Loaded, PlanError, load_plan, load_plans, load_with_warnings
from trackplane.plan.model import EventSpec, Library, Plan, Property
from trackplane.plan.properties import paths_of, property_at
from trackplane.plan.validate import Validator, compile_validator
from trackplane.plan.violations import CODES, Violation
from trackplane.plan.workspace import Place, Workspace

__all__ = [
    "CODES",
    "Difference",
    "EventSpec",
    "Library",
    "LintRules",
    "Loaded",
    "PartChange",
    "Place",
    "Plan",
    "PlanError",
    "Property",
    "Validator",
    "Violation",
    "Workspace",
    "compile_validator",
    "difference",
    "fix",
    "fmt",
    "lint",
    "lint_event",
    "load_library",
    "load_plan",
    "load_plans",
    "load_rules",
    "load_with_warnings",
    "paths_of",
    "property_at",
    "split_libraries",
    "to_json_schema",
]
