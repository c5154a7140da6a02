"""Make the generated reference pages: `python -m tests.reference` (what `make docs` runs).

``docs/configuration.md`` comes from the settings structs, ``docs/cli.md`` from the command line's own
definition. ``tests/docs`` holds the committed pages equal to what is made here.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from trackplane.app import Settings
from trackplane.cli import app
from trackplane.config import FREE_VARIABLES, Setting, settings_of
from trackplane.control.access import ACTIONS, PERMISSIONS, ROLES
from trackplane.control.operations import Operation
from trackplane.control.roles import MEANING
from trackplane.control.routes import OF_ALL_APPS, OF_AN_APP, OPERATIONS
from trackplane.rules.functions import Function
from trackplane.rules.library.catalog import BUILT_IN

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- Made by `make docs`; change the code's own texts instead. -->"
CONFIGURATION_HEAD = f"""\
# Configuration

{MADE}

One file holds all settings, `trackplane.yaml` in the folder you start in, or the one that `--config`
or `TRACKPLANE_CONFIG` names. Every setting has a default, so a file may hold only what differs, and
no file at all is fine:

```yaml
data: data
collector:
  port: 9080
```

Each setting can also be given by an environment variable, which wins over the file: the path of
`collector.port` makes `TRACKPLANE_COLLECTOR_PORT`. A list is written with commas between its items.
An unknown setting or variable is an error that names the nearest known one; all findings come at
once, and nothing starts. Settings are read once, at the start of a process. A name says its unit:
`_ms` milliseconds, `_s` seconds, `_days` days, `_bytes` bytes, `_mb` MiB.
"""
FUNCTIONS_HEAD = f"""\
# Functions

{MADE}

Every function and operator of the rule language, with its overloads and examples. What they do with
NULL, failures, numbers out of range and Unicode is in [semantics.md](../spec/rules/semantics.md); an
example's result stands behind `#` as JSON.

- *takes*: `T` is one type, the same each time; `any` every type; `array` every array; `…` repeats the
  one before it; `literal` must be a constant.
- *can be NULL*: the result can be NULL though no argument is. If an argument is NULL or failed, so is
  the result, unless the function's text says otherwise.
- *can fail*: `input` fails on ordinary events and must stand in a `try_`; `edge` fails only at the ends
  of a range, or where an item of an array is not of its planned type.
- *Cost* is in units of about 30 ns of one core for one event.

Installed packages may add functions of their own.
"""
PERMISSIONS_HEAD = f"""\
# Permissions

{MADE}

Who may do what. A token has a role and reaches some apps (or all, `*`); it belongs to a person. Three
rules say what it may:

1. **The role has the action**, by the first table. Each role may do all that the one before it may.
   Else the answer is 403 and says which role it takes.
2. **The token reaches the app.** Another app does not exist for it: 404, and it is in no list. What is
   of all apps at once (people, teams, libraries, the organisation's lint rules, tokens) takes a token of
   all apps to change: else 403.
3. **What is somebody's own** is theirs: a change request is edited by its author, a comment by who wrote
   it, a profile by the person. Who approves which event, and that nobody approves their own, is in
   [review](review.md).

A token cannot be made for more than its maker has: no higher role, no app beyond its own; and only a
token of all apps makes tokens for other people. `GET /api/v1/permissions` shows the first table with
what the asking token may; `GET /api/v1/session` lists its actions.

Whether applying a plan needs a change request is the app's setting `review`: `optional` (the action
`plan.apply` does it directly) or `required` (only merges of approved change requests; an admin may in an
emergency, and the audit log says `plan.bypass`).
"""
CLI_HEAD = f"""\
# Command line

{MADE}

`trackplane VERB`; `trackplane --version` prints the version, and `--help` explains a verb. Verbs that
talk to a running platform find it by `--url` or `TRACKPLANE_URL` and sign in with the API token in
`TRACKPLANE_TOKEN`; `source run` takes the write key from `TRACKPLANE_WRITE_KEY`. With `--json` a verb
prints JSON to standard output and nothing else there, an error too: `{{error, message, hint, findings}}`.

| exit code | meaning |
|---|---|
| 0 | all is well |
| 1 | findings: the input has faults, or a check failed |
| 2 | usage or environment: unknown option, nothing listens at the address, no token |
| 130 | interrupted |
| 141 | whoever read the output went away |
"""


def pages() -> dict[Path, str]:
    """Return the text of each generated page."""
    return {
        DOCS / "configuration.md": configuration(),
        DOCS / "cli.md": command_line(),
        DOCS / "functions.md": functions(),
        DOCS / "permissions.md": permissions(),
    }


# --- permissions ----------------------------------------------------------------------------------


def permissions() -> str:
    """Return the page of roles, actions and the operations of each."""
    words = [role.replace("_", " ") for role in ROLES]
    rows = [
        [f"`{action}`", MEANING[action]]
        + ["yes" if role in PERMISSIONS[action] else "" for role in ROLES]
        for action in ACTIONS
    ]
    parts = [PERMISSIONS_HEAD, "## Actions\n", _table(["action", "to", *words], rows)]
    parts.append(
        "## Operations\n\n"
        "*own*: in an app that the token reaches; *other*: in one that it does not. `200` stands for "
        "any success.\n"
    )
    parts.append(
        _table(
            ["operation", "action", *words, "other app"],
            [
                [f"`{operation.method} {operation.path}`", f"`{operation.action}`"]
                + ["200" if role in PERMISSIONS[operation.action] else "403" for role in ROLES]
                + [_elsewhere(operation)]
                for operation in sorted(OPERATIONS, key=lambda one: (one.path, one.method))
            ],
        )
    )
    return "\n".join(parts)


def _elsewhere(operation: Operation) -> str:
    """Return what becomes of an operation on what is of an app that the token does not reach."""
    if operation.name in OF_ALL_APPS:
        return "403"
    return "404" if "{app}" in operation.path or operation.name in OF_AN_APP else "not listed"


# --- functions of the rule language ---------------------------------------------------------------


def functions() -> str:
    """Return the page of all functions and operators that come with Trackplane."""
    groups: dict[str, list[Function]] = {}
    for function in BUILT_IN:
        groups.setdefault(function.group, []).append(function)
    parts = [FUNCTIONS_HEAD]
    for group, members in groups.items():
        parts.append(f"## {group}\n")
        parts += [_function(function) for function in members]
    return "\n".join(parts)


def _function(function: Function) -> str:
    title = f"`{function.sign}` ({function.name})" if function.sign else f"`{function.name}`"
    lines = [f"### {title}\n", f"{function.doc}\n"]
    rows = []
    for signature in function.signatures:
        null = "yes" if signature.null else ""
        fails = "" if signature.failure == "never" else signature.failure
        rows.append([f"`{', '.join(signature.args)}`", f"`{signature.result}`", null, fails])
    lines.append(_table(["takes", "gives", "can be NULL", "can fail"], rows))
    shown = []
    for text, value in function.examples:
        written = "NULL" if value is None else json.dumps(value, ensure_ascii=False)
        shown.append(f"{text}  # {written}")
    lines.append("```python\n" + "\n".join(shown) + "\n```\n")
    lines.append(f"Cost {function.cost}.\n")
    return "\n".join(lines)


# --- settings -------------------------------------------------------------------------------------


def configuration() -> str:
    """Return the page of all settings and variables."""
    sections: dict[str, list[Setting]] = {}
    for setting in settings_of(Settings):
        sections.setdefault(".".join(setting.path[:-1]), []).append(setting)
    parts = [CONFIGURATION_HEAD]
    for section, settings in sections.items():
        title = f"`{section}`" if section else "The installation"
        text = _summary(section)
        rows = [
            [f"`{'.'.join(s.path)}`", f"`{s.variable}`", _kind(s.type), _default(s.default), s.text]
            for s in settings
        ]
        table = _table(["setting", "variable", "type", "default", "meaning"], rows)
        parts.append(f"## {title}\n\n{text}\n\n{table}")
    rows = [[f"`{name}`", text] for name, text in FREE_VARIABLES.items()]
    parts.append(
        "## Variables that are no settings\n\n"
        "Read by the command line, the demo, the build or the tests.\n\n"
        + _table(["variable", "meaning"], rows)
    )
    return "\n".join(parts)


def _summary(section: str) -> str:
    struct: Any = Settings
    for name in filter(None, section.split(".")):
        struct = typing.get_type_hints(struct)[name]
    return (struct.__doc__ or "").strip().partition("\n")[0].replace("``", "`")


def _kind(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if origin is dict:
        return f"map of {_kind(arguments[1])}"
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_kind(one) for one in arguments)
    names = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return names.get(kind, "none" if kind is type(None) else kind.__name__)


def _default(value: Any) -> str:
    if isinstance(value, Mapping):
        return "`" + ", ".join(f"{key}: {one}" for key, one in value.items()) + "`"
    if isinstance(value, tuple | list):
        return "`" + ",".join(map(str, value)) + "`" if value else "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "empty" if value in {"", None} else f"`{value}`"


# --- command line ---------------------------------------------------------------------------------


def command_line() -> str:
    """Return the page of all verbs."""
    parts = [CLI_HEAD]
    for path, command in verbs():
        about, _, example = (command.help or "").replace("\b", "").partition("Example:")
        parts.append(f"## `trackplane {' '.join(path)}`\n\n{_prose(about)}\n")
        usage = " ".join(["trackplane", *path, *_usage(command)])
        parts.append(f"```text\n{usage}\n```\n")
        shown = [one for one in command.params if not getattr(one, "hidden", False)]
        if shown:
            rows = [[_spelling(one), _given(one), _prose(one.help)] for one in shown]
            parts.append(_table(["argument", "default", "meaning"], rows))
        if example:
            parts.append(f"\n```sh\n{' '.join(example.split())}\n```\n")
    return "\n".join(parts)


def verbs() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every verb that can be run, groups entered, as (words after `trackplane`, command)."""
    yield from _below(typer.main.get_command(app), ())


def _below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, one in command.commands.items():
        if not one.hidden:
            yield from _below(one, (*path, name))


def _usage(command: Any) -> Iterator[str]:
    if any(one.param_type_name == "option" for one in command.params):
        yield "[OPTIONS]"
    for one in command.params:
        if one.param_type_name == "argument":
            name = one.name.upper() + ("…" if one.nargs == -1 else "")
            yield name if one.required else f"[{name}]"


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else f"{names} {_value(parameter.type_descriptor.annotation)}"


def _value(kind: Any) -> str:
    """Return what stands for an option's value: TEXT, INTEGER, PATH, … with `…` for several."""
    chosen = [one for one in typing.get_args(kind) if one is not type(None)]
    if typing.get_origin(kind) is typing.Literal:
        return "|".join(chosen)
    if typing.get_origin(kind) is list:
        return f"{_value(chosen[0])}…"
    if chosen:
        return _value(chosen[0])
    return {str: "TEXT", int: "INTEGER", float: "NUMBER"}.get(kind, kind.__name__.upper())


def _given(parameter: Any) -> str:
    variable = f"`{parameter.envvar}`" if parameter.envvar else ""
    if parameter.required:
        return f"required, or {variable}" if variable else "required"
    default = parameter.default
    if callable(default):
        default = default()
    plain = default is not None and not isinstance(default, bool) and default not in ("", [], ())
    parts = [variable, f"`{default}`" if plain else ""]
    return ", else ".join(part for part in parts if part)


def _prose(text: str | None) -> str:
    return " ".join((text or "").replace("``", "`").split())


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("``", "`").replace("|", "\\|") for cell in line) + " |\n"
        for line in lines
    )


def main() -> None:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"docs: wrote {path.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
