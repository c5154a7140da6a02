"""The table of lint rules, and an organisation's settings of them, read from YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from trackplane.errors import Severity, did_you_mean
from trackplane.event import GRADES
from trackplane.plan.languages import language_fault
from trackplane.plan.libraries import check_format, raise_errors
from trackplane.plan.model import PURPOSES
from trackplane.plan.patterns import compile_pattern
from trackplane.plan.report import Path, Report
from trackplane.plan.source import SourceFile

Level = Literal["off", "warning", "error"]
LEVELS: Final = ("off", "warning", "error")
Kind = Literal["case", "number", "texts", "text", "fields", "languages", "purpose", "kinds"]
CASES: Final[Mapping[str, str]] = {
    "snake_case": "[a-z][a-z0-9]*(?:_[a-z0-9]+)*",
    "camelCase": "[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)*",
    "PascalCase": "(?:[A-Z][a-z0-9]*)+",
    "kebab-case": "[a-z][a-z0-9]*(?:-[a-z0-9]+)*",
    "Title Case": "[A-Z0-9][A-Za-z0-9]*(?: [A-Z0-9][A-Za-z0-9]*)*",
}
EVENT_FIELDS: Final = (
    "owner", "title", "description", "trigger", "screenshots", "tags", "category", "platforms",
    "expires", "checks",
)  # fmt: skip
METRIC_FIELDS: Final = ("owner", "title", "description", "unit", "tags")
_OWNER_KINDS: Final = ("team", "person")


class Option(msgspec.Struct, frozen=True):
    """One option of a rule: what it may be, what it is if nobody says, what it means."""

    kind: Kind
    default: Any
    meaning: str


class Rule(msgspec.Struct, frozen=True):
    """A lint rule. ``fixes`` says what mending does; none if a person must decide."""

    severity: Level
    meaning: str
    options: Mapping[str, Option] = {}
    fixes: str = ""


def _case(what: str, default: str = "") -> Option:
    return Option("case", default, f"case or pattern of names of {what}")


# docs/lint.md shows this table, spec/lint.schema.json its shape; tests hold them equal.
RULES: Final[Mapping[str, Rule]] = {
    "name_pattern": Rule(
        "warning",
        "a name is not of the pattern for its kind",
        {
            "event": _case("events", "snake_case"),
            "property": _case("properties", "snake_case"),
            "group": _case("groups", "snake_case"),
            "type": _case("types", "snake_case"),
            "metric": _case("metrics", "snake_case"),
        },
    ),
    "name_length": Rule(
        "warning",
        "a name is too long to be read in a list",
        {"max": Option("number", 64, "characters")},
    ),
    "name_forbidden": Rule(
        "warning",
        "a name is forbidden, or has a forbidden word",
        {
            "names": Option("texts", (), "whole names, of any kind"),
            "words": Option("texts", ("tmp", "foo", "todo"), "words, whatever joins them"),
        },
    ),
    "event_metadata": Rule(
        "warning",
        "an event lacks what its grade asks for",
        {
            "P0": Option("fields", ("owner", "title", "description", "trigger"), "keys of P0"),
            "P1": Option("fields", ("owner", "title", "description"), "keys of P1"),
            "P2": Option("fields", ("owner",), "keys of P2"),
            "P3": Option("fields", (), "keys of P3"),
        },
    ),
    "metric_metadata": Rule(
        "warning",
        "a metric lacks what every metric should say",
        {"fields": Option("fields", ("owner", "title"), "keys")},
    ),
    "property_metadata": Rule(
        "off",
        "a property of an important event has no description",
        {"grades": Option("texts", ("P0", "P1"), "of events of these grades")},
    ),
    "property_count": Rule(
        "warning",
        "an event has too many properties to be understood",
        {"max": Option("number", 60, "properties, those of groups included")},
    ),
    "property_depth": Rule(
        "warning",
        "properties are nested too deeply for people and columns",
        {"max": Option("number", 4, "levels of objects")},
    ),
    "languages": Rule(
        "warning",
        "a text is missing in a language",
        {
            "required": Option("languages", (), "tags such as en, zh; none: nothing is asked"),
            "plain": Option("languages", ("en",), "what a text without a language counts as"),
        },
    ),
    "text_length": Rule(
        "warning",
        "a text is shorter or longer than is useful",
        {
            "title_max": Option("number", 80, "characters of a title"),
            "description_min": Option("number", 0, "characters of a description"),
            "description_max": Option("number", 2000, "characters of a description"),
        },
    ),
    "text_spaces": Rule(
        "warning",
        "a text begins or ends with spaces",
        fixes="they are taken away",
    ),
    "tag_unknown": Rule(
        "warning",
        "a tag is not of the organisation's list",
        {"allowed": Option("texts", (), "the list; none: any tag")},
        fixes="a tag that differs in case or separators only is written as in the list",
    ),
    "category_unknown": Rule(
        "warning",
        "a category is not of the organisation's list",
        {"allowed": Option("texts", (), "the list; none: any category")},
        fixes="as for `tag_unknown`",
    ),
    "platform_unknown": Rule(
        "warning",
        "a platform is not of the organisation's list",
        {"allowed": Option("texts", (), "the list; none: any platform")},
        fixes="as for `tag_unknown`",
    ),
    "owner_kind": Rule(
        "off",
        "an owner is of a kind that is not wanted",
        {"kinds": Option("kinds", ("team",), "team, person")},
    ),
    "pii_purpose": Rule(
        "warning",
        "a personal property does not say what it may be used for",
        {"purpose": Option("purpose", "", "what to write when mending; none: a person decides")},
        fixes="the option's purpose is written, if there is one",
    ),
    "pii_unmarked": Rule(
        "warning",
        "a name says that the property is personal, and no `pii` does",
        {"not_personal": Option("texts", (), "names of properties that are not")},
        fixes="`pii` is written",
    ),
    "enum_labels": Rule(
        "off",
        "values of an enum have no label",
        {"min": Option("number", 2, "values, from which on labels are asked for")},
    ),
    "string_unbounded": Rule(
        "off", "a string has neither a length nor a pattern nor planned values"
    ),
    "json_type": Rule("off", "a property is `json`: nothing of it is checked or typed"),
    "object_open": Rule("off", "an object takes properties that are not planned"),
    "deprecated_forever": Rule(
        "warning", "something is deprecated without a day, and nothing replaces it"
    ),
    "type_conflict": Rule("warning", "a property has another type in most other events"),
    "unused": Rule("warning", "no event uses a type or group"),
}


class Setting(msgspec.Struct, frozen=True):
    """How an organisation has set a rule. ``exempt`` are patterns of names that it spares."""

    severity: Level
    options: Mapping[str, Any]
    exempt: tuple[str, ...] = ()


class LintRules(msgspec.Struct, frozen=True):
    """The rules of an organisation: a setting for each rule there is."""

    settings: Mapping[str, Setting]

    def severity_of(self, code: str) -> Severity | None:
        """Return how grave it is to break a rule; None: it is off."""
        severity = self.settings[code].severity
        return None if severity == "off" else severity


def default_rules() -> LintRules:
    """Return the rules that come with Trackplane: none of them is an error."""
    return LintRules({code: _setting(rule) for code, rule in RULES.items()})


def _setting(rule: Rule) -> Setting:
    return Setting(rule.severity, {name: o.default for name, o in rule.options.items()})


def load_rules(text: str, *, file: str = "lint.yaml") -> LintRules:
    """Return the rules of a YAML text; those it does not name stay as they come.

    Raises:
        PlanError: with every finding.
    """
    source, held = SourceFile.read(file, text)
    report = Report()
    top: dict[Any, Any] = dict(held.others)
    for section, name, _ in held.entries:
        report.add("unknown_key", f"lint rules have no {section}", (section, str(name)))
    report.keys(top, ("format", "defaults", "lint"), ())
    check_format(top.get("format"), report)
    defaults = top.get("defaults", True)
    if not isinstance(defaults, bool):
        report.add("shape", "`defaults` is true or false", ("defaults",))
    given = top.get("lint")
    if given is None:
        given = {}
    if not isinstance(given, dict):
        report.add("shape", "`lint` maps rules to settings", ("lint",))
        given = {}
    report.keys(given, RULES, ("lint",))
    settings = {}
    for code, rule in RULES.items():
        setting = _setting(rule)
        if code in given:
            setting = _read(rule, setting, given[code], ("lint", code), report)
        elif defaults is False:
            setting = msgspec.structs.replace(setting, severity="off")
        settings[code] = setting
    raise_errors(file, [source.placed(*entry) for entry in report.entries])
    return LintRules(settings)


def _read(rule: Rule, setting: Setting, raw: Any, path: Path, report: Report) -> Setting:
    usual: Level = setting.severity if setting.severity != "off" else "warning"
    if isinstance(raw, str):
        return Setting(_level(raw, usual, path, report), setting.options)
    if not isinstance(raw, dict):
        report.add(
            "shape", "a rule is `off`, `warning`, `error` or a mapping with `severity`", path,
            hint="{severity: error, …}",
        )  # fmt: skip
        return setting
    report.keys(raw, ("severity", "except", *rule.options), path)
    level = usual
    if "severity" in raw:
        level = _level(raw["severity"], usual, (*path, "severity"), report)
    options = dict(setting.options)
    for name, option in rule.options.items():
        if name in raw:
            options[name] = _option(option, raw[name], (*path, name), report)
    return Setting(level, options, report.texts(raw, "except", path))


def _level(raw: Any, usual: Level, path: Path, report: Report) -> Level:
    if raw in LEVELS:
        return LEVELS[LEVELS.index(raw)]
    report.add(
        "severity", f"{raw!r} is no severity", path,
        hint=did_you_mean(str(raw), LEVELS) or "off, warning or error",
    )  # fmt: skip
    return usual


def _option(option: Option, raw: Any, path: Path, report: Report) -> Any:
    match option.kind:
        case "number":
            if type(raw) is int and raw >= 0:
                return raw
            report.add("shape", "a whole number from 0", path)
        case "case":
            return _pattern(raw, path, report)
        case "purpose":
            if raw in PURPOSES:
                return raw
            report.add("purpose", f"{raw!r} is no purpose", path, hint=", ".join(PURPOSES))
        case "text":
            if isinstance(raw, str):
                return raw
            report.not_text(raw, "this", path)
        case _:
            return _list(option, raw, path, report)
    return option.default


def _list(option: Option, raw: Any, path: Path, report: Report) -> Any:
    values = [raw] if isinstance(raw, str) else raw
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        report.add("shape", "a list of texts", path)
        return option.default
    known: Iterable[str] | None = None
    if option.kind == "fields":
        known = METRIC_FIELDS if path[-1] == "fields" else EVENT_FIELDS
    elif option.kind == "kinds":
        known = _OWNER_KINDS
    elif path[-1] == "grades":
        known = GRADES
    for number, value in enumerate(values):
        fault = language_fault(value) if option.kind == "languages" else None
        if fault is not None:
            report.add("language", fault[0], (*path, number), hint=fault[1])
        if known is not None and value not in known:
            report.add(
                "unknown_key", f"{value!r} is not one of {', '.join(known)}", (*path, number),
                hint=did_you_mean(value, known),
            )  # fmt: skip
    return tuple(values)


def _pattern(raw: Any, path: Path, report: Report) -> str:
    if not isinstance(raw, str):
        report.not_text(raw, "a case or pattern", path)
        return ""
    if raw in CASES:
        return raw
    try:
        compile_pattern(raw)
    except ValueError as error:
        report.add(
            "pattern", f"neither a case nor a regular expression: {error}", path,
            hint=did_you_mean(raw, CASES) or ", ".join(CASES),
        )  # fmt: skip
        return ""
    if raw.replace("_", "").replace("-", "").replace(" ", "").isalpha():
        close = did_you_mean(raw, CASES)
        if close is not None:
            report.add("pattern", f"{raw!r} is no case", path, hint=close)
    return raw
