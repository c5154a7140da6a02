"""``trackplane plan suggest | templates | infer``: what to reuse, what to start from, what arrives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import typer

from trackplane.assist import (
    Catalogue,
    completeness,
    draft,
    propose,
    read_design,
    to_yaml,
    written,
)
from trackplane.assist.templates import apply, check_free, templates
from trackplane.cli.api import Api, UrlOption
from trackplane.cli.output import JsonOption, emit_json, say, table
from trackplane.errors import ConfigurationError, InputError, did_you_mean
from trackplane.event import NAMESPACES, JsonObject
from trackplane.plan import Workspace, split_libraries
from trackplane.plan.text import decode

_MOST_BYTES: Final = 512 * 1024 * 1024
_MOST_SAMPLES: Final = 20_000

PlanOption = typer.Option(None, "--plan", help="A plan's file or folder, in place of an app's.")
AppOption = typer.Option(None, "--app", help="The app, asked for at the control plane.")
LanguageOption = typer.Option("en", "--language", help="Language of the reasons: en or zh.")


def register(app: typer.Typer) -> None:
    """Add the verbs to ``trackplane plan``."""
    app.command("suggest")(suggest)
    app.command("templates")(list_templates)
    app.command("infer")(infer_event)


def suggest(
    event: str = typer.Argument(..., help="The name of the event under design."),
    text: Path | None = typer.Option(
        None, "--text", help="Its part of the plan (YAML), if there is one."
    ),
    plan: Path | None = PlanOption,
    app: str | None = AppOption,
    language: str = LanguageOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Propose what an event could reuse and what it repeats, and why.

    With --plan the proposals come from that plan alone, with --app from all plans that your token
    sees. Exit code 1: an event that is there already looks like the same.

    Example:
        trackplane plan suggest basket_add --plan plan.yaml --language zh
    """
    part = _read(text) if text is not None else ""
    if plan is not None:
        found = _proposed(event, part, plan)
    elif app is not None:
        found = Api(url).call(
            "POST", f"/apps/{quote(app, safe='')}/assist", json={"name": event, "text": part}
        )[0]
    else:
        raise ConfigurationError("say by --plan or --app what to look through")
    if as_json:
        emit_json(found)
    else:
        _show(found, language)
    if found["duplicates"]:
        raise typer.Exit(1)


def _proposed(event: str, part: str, path: Path) -> dict[str, Any]:
    """Return the proposals from a plan's files, in the API's form."""
    texts, libraries = split_libraries(_files(path))
    held = Workspace.load(texts, libraries).plan
    design = read_design(event, part)
    made = propose(Catalogue.of([held]), design, app=held.app)
    found: dict[str, Any] = msgspec.to_builtins(made)
    for one in found["duplicates"]:
        one["title"] = " / ".join(one.pop("titles"))
    for one, proposal in zip(found["properties"], made.properties, strict=True):
        one["definition"] = written(proposal.definition)
        one["text"] = to_yaml({proposal.path.partition(".")[2]: one["definition"]}, blocks=0)
    return found | {
        "completeness": msgspec.to_builtins(completeness(design)),
        "readable": design.readable,
    }


def _show(found: dict[str, Any], language: str) -> None:
    rows = [
        [kind, name, f"{one['score']:.2f}", _why(one["reasons"], language)]
        for kind, key, title in (
            ("same event?", "duplicates", "event"),
            ("group", "groups", "name"),
            ("property", "properties", "path"),
            ("type", "types", "path"),
            ("other name?", "same_properties", "path"),
        )
        for one in found[key]
        for name in [_name(kind, one, title)]
    ]
    if rows:
        table(["what", "name", "score", "why"], rows)
    else:
        say("nothing like it is planned")
    whole = found["completeness"]
    say(f"\ncomplete to {whole['score']} of 100")
    for one in whole["missing"][:5]:
        text = one["message"].get(language) or one["message"]["en"]
        say(f"  +{one['points']:>2}  {text}")


def _name(kind: str, one: dict[str, Any], key: str) -> str:
    if kind == "type":
        return f"{one['path']}: {one['name']}"
    if kind == "other name?":
        return f"{one['path']} -> {one['like']}"
    return f"{one['app']}/{one['event']}" if kind == "same event?" else str(one[key])


def _why(reasons: list[dict[str, Any]], language: str) -> str:
    return "; ".join(one["text"].get(language) or one["text"]["en"] for one in reasons)


def list_templates(
    name: str | None = typer.Argument(None, help="A template to show; without, all are listed."),
    prefix: str = typer.Option("", "--prefix", help="What stands before each name, such as mall."),
    owner: str = typer.Option("", "--owner", help="Who answers for it, such as team:mall."),
    plan: Path | None = typer.Option(
        None, "--plan", help="The folder of a plan; the template is written into it as a file."
    ),
    language: str = typer.Option("en", "--language", help="Language of the titles: en or zh."),
    as_json: bool = JsonOption,
) -> None:
    """List templates, show one, or lay it into a plan's folder.

    Names that the plan has already are refused; --prefix avoids them. Types and groups that the
    plan has and that are written alike are used as they are.

    Example:
        trackplane plan templates commerce --prefix mall
    """
    known = templates()
    if name is None:
        if as_json:
            emit_json([_summary(one.name) for one in known.values()])
        else:
            table(
                ["template", "title", "events", "what for"],
                [
                    [one.name, one.title.get(language) or one.title["en"], len(one.names("events")),
                     one.description.get(language) or one.description["en"]]
                    for one in known.values()
                ],
            )  # fmt: skip
        return
    if name not in known:
        raise InputError(f"there is no template {name!r}", hint=did_you_mean(name, known))
    files = _files(plan) if plan is not None else {}
    texts, libraries = split_libraries(files)
    app = Workspace.load(texts, libraries).plan.app if texts else name
    made = apply(known[name], app, prefix, texts, owner=owner)
    if plan is None:
        if as_json:
            emit_json(_summary(name) | {"file": made.file, "text": made.text})
        else:
            say(made.text.rstrip())
        return
    if not plan.is_dir():
        raise ConfigurationError(f"{plan} is no folder: a template becomes a file of its own")
    check_free(made)
    Workspace.load({**texts, made.file: made.text}, libraries)
    target = plan / made.file
    if target.exists():
        raise ConfigurationError(f"{target} is there already", hint="give another --prefix")
    target.write_text(made.text, encoding="utf-8")
    if as_json:
        emit_json(_summary(name) | {"file": str(target)})
    else:
        say(f"{target}: {len(made.names['events'])} events")


def _summary(name: str) -> dict[str, Any]:
    one = templates()[name]
    return {
        "name": one.name,
        "title": one.title,
        "description": one.description,
        **{section: one.names(section) for section in ("events", "groups", "types", "metrics")},
    }


def infer_event(
    file: Path | None = typer.Argument(
        None, help="Events, a JSON object a line; without, see --app."
    ),
    event: str = typer.Option(..., "--event", help="The event's name."),
    app: str | None = AppOption,
    allowed: float = typer.Option(
        0.02, "--allowed", min=0.0, max=0.2, help="The share of a property's values that is dirt."
    ),
    days: int = typer.Option(30, "--days", min=1, max=400, help="With --app: how far back."),
    language: str = LanguageOption,
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Draft an event from what arrives. It tells what each property shows, and what does not fit.

    Reads a file of events, or with --app what is stored of an unplanned event. Lines without a
    namespace (who, when, where, how, what) are taken as what stands under `what`.

    Example:
        trackplane plan infer unplanned.ndjson --event gift_card_redeem
    """
    if file is None:
        if app is None:
            raise ConfigurationError("give a file of events, or --app to read what is stored")
        path = f"/apps/{quote(app, safe='')}/unplanned/{quote(event, safe='')}/draft"
        found = Api(url).get(path, allowed=allowed, days=days)
    else:
        found = _drafted(file, event, allowed)
    if as_json:
        emit_json(found)
        return
    say(found["text"].rstrip())
    say("")
    table(
        ["property", "there", "why"],
        [
            [one["path"], f"{one['share']:.0%}",
             "; ".join(why.get(language) or why["en"] for why in one["why"])]
            for one in found["properties"]
        ],
    )  # fmt: skip
    for note in found["notes"]:
        say(f"note: {note.get(language) or note['en']}")


def _drafted(file: Path, event: str, allowed: float) -> dict[str, Any]:
    samples = list(_samples(file, event))
    if not samples:
        raise InputError(f"{file} has no event {event!r}")
    made = draft(event, samples, allowed=allowed)
    return {
        "event": event,
        "samples": made.samples,
        "text": made.text,
        "properties": [
            {
                "path": one.path,
                "definition": written(one.shape),
                "share": one.share,
                "pii": one.shape.pii,
                "why": one.why,
                "dirt": one.dirt,
            }
            for one in made.properties
        ],
        "notes": made.notes,
    }


def _samples(file: Path, event: str) -> Iterator[JsonObject]:
    """Yield the events of this name in a file; what has no name counts as one."""
    count = 0
    for number, line in enumerate(_read(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            found = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise InputError(f"{file}:{number} is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise InputError(f"{file}:{number} is not a JSON object")
        if found.get("event", event) != event:
            continue
        yield found if any(name in found for name in NAMESPACES) else {"what": found}
        count += 1
        if count >= _MOST_SAMPLES:
            return


def _files(path: Path) -> dict[str, str]:
    """Return a plan's files: those of a folder, or the one."""
    if not path.is_dir():
        return {path.name: _read(path)}
    found = sorted(
        one
        for pattern in ("*.yaml", "*.yml")
        for one in path.rglob(pattern)
        if not any(part.startswith(".") for part in one.relative_to(path).parts)
    )
    return {one.relative_to(path).as_posix(): _read(one) for one in found}


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    return decode(data, file=str(path), limit=_MOST_BYTES)
