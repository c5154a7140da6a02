"""Libraries: types and groups that plans share, by name and version.

A plan names what it uses (``use: [commerce@3]``). The names of types and groups are flat: a plan's
own of the same name is a merge patch (RFC 7396) over the library's, two libraries that have the same
name are an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from trackplane.errors import Finding, did_you_mean
from trackplane.plan.groups import read_group
from trackplane.plan.model import Library
from trackplane.plan.names import fault_of
from trackplane.plan.properties import merge_patch
from trackplane.plan.report import Report
from trackplane.plan.shapes import ShapeReader, spelt_out
from trackplane.plan.source import SourceFile
from trackplane.plan.text import PlanError
from trackplane.plan.vocabularies import owner_fault

LIBRARY_KEYS: Final = (
    "format", "library", "version", "title", "description", "owner", "types", "groups",
)  # fmt: skip
FORMAT: Final = 1
_ID: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,63})@([1-9][0-9]{0,8})")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_TOP: Final = re.compile(r"^library[ \t]*:", re.MULTILINE)
_MAX_VERSION: Final = 999_999_999


def is_library(text: str) -> bool:
    """Say whether a text is a library's: it says ``library:`` at the top."""
    return _TOP.search(text) is not None


def split_libraries(files: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Library]]:
    """Return the files of a folder that are plans, and the libraries of the others by id.

    Raises:
        PlanError: a library is wrong, or two files have the same one.
    """
    plans: dict[str, str] = {}
    libraries: dict[str, Library] = {}
    homes: dict[str, str] = {}
    findings: list[Finding] = []
    for path, text in files.items():
        if not is_library(text):
            plans[path] = text
            continue
        try:
            library = load_library(text, file=path)
        except PlanError as error:
            findings += error.findings
            continue
        if library.id in libraries:
            message = f"the library {library.id} is in {homes[library.id]} too"
            findings.append(Finding(code="duplicate", message=message, file=path, line=1, column=1))
        libraries[library.id], homes[library.id] = library, path
    if findings:
        raise PlanError(f"libraries: {len(findings)} finding(s)", findings=findings)
    return plans, libraries


def load_library(text: str, *, file: str = "library.yaml") -> Library:
    """Return the library of a YAML text, checked: it must be right without any plan.

    Raises:
        PlanError: with every finding, each with line and column.
    """
    source, held = SourceFile.read(file, text)
    report = Report()
    top = dict(held.others)
    sections: dict[str, dict[str, Any]] = {"types": {}, "groups": {}}
    for section, name, raw in held.entries:
        if section not in sections:
            report.add(
                "unknown_key", f"a library has no {section}", (section, str(name)),
                hint="it shares types and groups; events are an app's own",
            )  # fmt: skip
        elif str(name) in sections[section]:
            message = f"{section} {str(name)!r} is written twice"
            report.add("duplicate", message, (section, str(name)))
        else:
            sections[section][str(name)] = raw
    report.keys(top, LIBRARY_KEYS, ())
    check_format(top.get("format"), report)
    name, version = top.get("library"), top.get("version")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = "`library` names it: a letter, then letters, digits, - and _"
        report.add("name", message, ("library",))
        name = "?"
    if type(version) is not int or not 1 <= version <= _MAX_VERSION:
        report.add(
            "version", "`version` is a whole number from 1", ("version",),
            hint="a published version never changes: the next one is one more",
        )  # fmt: skip
        version = 1
    owner = report.text(top, "owner", ())
    fault = owner_fault(owner) if owner is not None else None
    if fault is not None:
        report.add("owner", fault[0], ("owner",), hint=fault[1])
    types = {key: deeply_spelt_out(raw) for key, raw in sections["types"].items()}
    groups = {key: spelt_out_group(raw) for key, raw in sections["groups"].items()}
    shapes = ShapeReader(report, types)
    shapes.read_types()
    for key, raw in groups.items():
        check_name("groups", key, report)
        read_group(shapes, raw, ("groups", key))
    library = Library(
        name=name,
        version=version,
        title=report.words(top, "title", ()),
        description=report.words(top, "description", ()),
        owner=owner,
        types=types,
        groups=groups,
    )
    raise_errors(file, [source.placed(*entry) for entry in report.entries])
    return library


def check_format(given: Any, report: Report) -> None:
    """Report a format that this version cannot read."""
    if type(given) is int and given == FORMAT:
        return
    if type(given) is int and given > FORMAT:
        report.add(
            "format", f"the file is of format {given}; this Trackplane reads format {FORMAT}",
            ("format",), hint="update Trackplane, or write the file in the older format",
        )  # fmt: skip
    else:
        message = f"`format: {FORMAT}` is the only format there is"
        report.add("format", message, ("format",), hint=f"put `format: {FORMAT}` first")


def check_name(section: str, name: str, report: Report) -> None:
    """Report what is wrong with the name of a part."""
    fault = fault_of(name, dotted=section == "events")
    if fault is not None:
        report.add("name", fault[0], (section, name), hint=fault[1])


def raise_errors(what: str, findings: Sequence[Finding]) -> None:
    """Raise the findings, warnings included, if an error is among them.

    Raises:
        PlanError: it is.
    """
    count = sum(finding.severity == "error" for finding in findings)
    if count:
        raise PlanError(f"{what}: {count} finding(s)", findings=findings)


def used_libraries(
    use: Sequence[str], libraries: Mapping[str, Library], report: Report
) -> list[Library]:
    """Return the libraries that a plan pins, reporting those that are not there."""
    found: dict[str, Library] = {}
    for number, wanted in enumerate(use):
        path = ("use", number)
        match = _ID.fullmatch(wanted)
        if match is None:
            report.add(
                "library", f"{wanted!r} is no library and version", path,
                hint=_versions_hint(wanted.partition("@")[0], libraries) or "such as commerce@3",
            )  # fmt: skip
            continue
        name = match[1]
        if name in found:
            report.add(
                "library", f"the library {name!r} is used twice, as {found[name].id} and {wanted}",
                path, hint="pin one version",
            )  # fmt: skip
            continue
        library = libraries.get(wanted)
        if library is None:
            others = {library.name for library in libraries.values()}
            hint = _versions_hint(name, libraries) or did_you_mean(name, others)
            report.add("library", f"there is no library {wanted}", path, hint=hint or _NONE)
            continue
        found[name] = library
    return list(found.values())


_NONE: Final = "publish it, or put its file beside the plan's"


def _versions_hint(name: str, libraries: Mapping[str, Library]) -> str | None:
    versions = sorted(library.version for library in libraries.values() if library.name == name)
    if not versions:
        return None
    return "there are " + ", ".join(f"{name}@{version}" for version in versions)


def laid_under(
    libraries: Sequence[Library], section: str, own: Mapping[str, Any], report: Report
) -> dict[str, Any]:
    """Return types or groups as written, the plan's own laid over those of its libraries."""
    found: dict[str, Any] = {}
    origin: dict[str, str] = {}
    spell = deeply_spelt_out if section == "types" else spelt_out_group
    for library in libraries:
        for name, raw in (library.types if section == "types" else library.groups).items():
            if name in found:
                report.add(
                    "library",
                    f"{origin[name]} and {library.id} both have {section} {name!r}", ("use",),
                    hint="use one of them",
                )  # fmt: skip
            found[name], origin[name] = raw, library.id
    for name, raw in own.items():
        found[name] = merge_patch(found[name], spell(raw)) if name in found else raw
    return found


def deeply_spelt_out(raw: Any) -> Any:
    """Return a property as written, without short forms at any level."""
    if isinstance(raw, str):
        return {"type": raw}
    if not isinstance(raw, dict):
        return raw
    found = spelt_out(raw)
    for key in ("items", "values"):
        if found.get(key) is not None:
            found[key] = deeply_spelt_out(found[key])
    if isinstance(found.get("properties"), dict):
        members = found["properties"].items()
        found["properties"] = {name: deeply_spelt_out(inner) for name, inner in members}
    return found


def spelt_out_group(raw: Any) -> Any:
    """Return a group as written, its properties without short forms."""
    if not isinstance(raw, dict):
        return raw
    return {
        namespace: {name: deeply_spelt_out(inner) for name, inner in members.items()}
        if isinstance(members, dict)
        else members
        for namespace, members in raw.items()
    }
