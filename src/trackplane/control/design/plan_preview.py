"""One part of a plan while it is written: what is wrong with it and what it would become.

Nothing is saved. The part is read inside the whole plan (in force, or a change request's branch), so
types, groups, libraries, checks and metrics are the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from trackplane.codegen.python import generate_python
from trackplane.control import wire
from trackplane.control.apps import find_app
from trackplane.control.design.plan_publishing import overlay_between
from trackplane.control.design.workspaces import applied
from trackplane.control.operations import Call, Operations
from trackplane.control.review.change_branch import Branch, read_branch
from trackplane.control.review.change_files import base_files, overlay_at
from trackplane.control.review.change_state import find_change
from trackplane.errors import Finding, InputError
from trackplane.plan.changes import PartChange
from trackplane.plan.edit import part_of, with_part
from trackplane.plan.example import example
from trackplane.plan.jsonschema import to_json_schema
from trackplane.plan.model import EventSpec, Plan
from trackplane.plan.validate import compile_validator

operations: Final = Operations("plan")

_FINDINGS: Final = 200
_PARTS: Final = 50


class PartPreviewRequest(wire.Wire):
    """A part as it is being written; ``change`` is the change request it will go into.

    ``text`` is the part with its name (``order_pay:`` and what stands under it), null: taken away.
    """

    section: Literal["events", "metrics", "types", "groups"]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    text: wire.Source | None
    change: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


class GeneratedCode(wire.Wire):
    """Code that is generated for an event."""

    language: str
    code: str


class PartPreview(wire.Wire):
    """What a part would become. ``findings`` count lines within its text, ``elsewhere`` those of files.

    ``base`` is its text in the plan that the change starts from, null where it is new. ``changes`` are
    this part's, and what is affected by it. ``example`` is JSON text that the event's validator takes.
    """

    ok: bool
    findings: list[Finding]
    elsewhere: list[Finding]
    base: str | None
    file: str | None
    changes: list[PartChange]
    event: EventSpec | None
    example: str | None
    json_schema: dict[str, Any] | None
    code: list[GeneratedCode]


@operations.add("POST", "/apps/{app}/plan/preview")
def preview_part(call: Call, app: wire.Word, body: PartPreviewRequest) -> PartPreview:
    """Check one part of the plan as it is written, and show what it would become."""
    with call.platform.database.read() as connection:
        row = find_app(connection, call, app)
        base, held = row.revision, dict[str, str]()
        overlay: Mapping[str, str | None] = {}
        if body.change is not None:
            change = find_change(connection, call, body.change)
            if change.app != app:
                raise InputError(f"change request {body.change} is of the app {change.app!r}")
            overlay, base = overlay_at(connection, change.id, change.version)
        held = dict(base_files(connection, app, base))
        files = applied(held, overlay)
        try:
            wanted = files | _changed(files, body, app)
        except InputError as error:
            return _unread(error, held, body)
        branch = read_branch(connection, call, app, base, overlay_between(held, wanted))
    return _preview(branch, held, body)


def _changed(files: Mapping[str, str], body: PartPreviewRequest, app: str) -> dict[str, str]:
    if not files:
        files = {"plan.yaml": f"format: 1\napp: {app}\n"}
    if body.text is None and part_of(files, body.section, body.name) is None:
        return {}
    return with_part(files, body.section, body.name, body.text)


def _unread(error: InputError, held: Mapping[str, str], body: PartPreviewRequest) -> PartPreview:
    """Return what can be said of a text that is no part at all."""
    place = part_of(held, body.section, body.name)
    found = list(error.findings) or [
        Finding(code=error.code, message=error.message, hint=error.hint, line=1, column=1)
    ]
    return PartPreview(
        ok=False,
        findings=found,
        elsewhere=[],
        base=place.text if place is not None else None,
        file=place.file if place is not None else None,
        changes=[],
        event=None,
        example=None,
        json_schema=None,
        code=[],
    )


def _preview(branch: Branch, held: Mapping[str, str], body: PartPreviewRequest) -> PartPreview:
    before = part_of(held, body.section, body.name)
    here, elsewhere = _divided(branch, body)
    spec = None
    if branch.after is not None and body.section == "events":
        spec = branch.after.plan.events.get(body.name)
    shown = _example(spec) if spec is not None else None
    place = part_of(branch.files, body.section, body.name)
    return PartPreview(
        ok=not any(finding.severity == "error" for finding in here),
        findings=here[:_FINDINGS],
        elsewhere=elsewhere[:_FINDINGS],
        base=before.text if before is not None else None,
        file=place.file if place is not None else None,
        changes=_changes(branch, body),
        event=spec,
        example=shown,
        json_schema=to_json_schema(spec) if spec is not None else None,
        code=_code(spec) if spec is not None else [],
    )


def _divided(branch: Branch, body: PartPreviewRequest) -> tuple[list[Finding], list[Finding]]:
    """Return findings of the part, by its own lines, and all others."""
    place = part_of(branch.files, body.section, body.name)
    here: list[Finding] = []
    elsewhere: list[Finding] = []
    for finding in branch.findings:
        line = finding.line
        if (
            place is None
            or finding.file not in {None, place.file}
            or line is None
            or not place.first <= line <= place.last
        ):
            elsewhere.append(finding)
            continue
        written = branch.files[place.file].splitlines()[line - 1]
        own = place.text.splitlines()[line - place.first]
        indent = len(written) - len(written.lstrip()) - (len(own) - len(own.lstrip()))
        column = max(1, (finding.column or 1) - indent)
        here.append(
            msgspec.structs.replace(finding, file=None, line=line - place.first + 1, column=column)
        )
    return here, elsewhere


def _changes(branch: Branch, body: PartPreviewRequest) -> list[PartChange]:
    parts = branch.difference.parts
    if body.section in {"types", "groups"}:
        return list(parts[:_PARTS])
    return [
        part
        for part in parts
        if (part.section == body.section and part.name == body.name) or part.kind == "affected"
    ][:_PARTS]


def _example(spec: EventSpec) -> str | None:
    """Return an example as JSON text, None where none is found that the event's own validator takes."""
    event = example(spec)
    wrong = [v for v in compile_validator(spec)(event) if v.severity == "error"]
    return None if wrong else json.dumps(event, ensure_ascii=False, indent=2)


def _code(spec: EventSpec) -> list[GeneratedCode]:
    plan = Plan(app=spec.app, events={spec.event: spec})
    return [GeneratedCode(language="python", code=generate_python(plan))]
