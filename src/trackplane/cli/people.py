"""``trackplane people | team | inbox | requirement``: who is there, what they are told, what is needed."""

from __future__ import annotations

from typing import Any

import typer

from trackplane.cli.api import Api, UrlOption
from trackplane.cli.change import told
from trackplane.cli.change_review import day
from trackplane.cli.output import JsonOption, emit_json, say, table
from trackplane.errors import ConfigurationError

people = typer.Typer(help="People: who owns events and approves changes.", no_args_is_help=True)
teams = typer.Typer(help="Teams of people.", no_args_is_help=True)
inbox = typer.Typer(help="What you were told.", no_args_is_help=True)
requirements = typer.Typer(help="The needs that changes serve.", no_args_is_help=True)

_NameArgument = typer.Argument(..., help="The name, as in person:NAME.", show_default=False)
_TeamArgument = typer.Argument(..., help="The name, as in team:NAME.", show_default=False)


def register(app: typer.Typer) -> None:
    """Add the groups and the verb ``mine`` to ``trackplane``."""
    app.add_typer(people, name="people")
    app.add_typer(teams, name="team")
    app.add_typer(inbox, name="inbox")
    app.add_typer(requirements, name="requirement")
    app.command()(mine)


# --- people


@people.command("list")
def list_people(
    team: str = typer.Option("", "--team", help="Only this team's."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """List people, their teams and the roles of their tokens.

    Example:
        trackplane people list
    """
    rows = list(Api(url).items("/people", team=team or None))
    if as_json:
        emit_json(rows)
        return
    table(
        ["person", "name", "title", "teams", "roles"],
        [
            [r["person"], r["name"], r["title"], ", ".join(r["teams"]), ", ".join(r["roles"])]
            for r in rows
        ],
    )


@people.command("add")
def add_person(
    person: str = _NameArgument,
    name: str | None = typer.Option(None, "--name", help="The full name."),
    title: str | None = typer.Option(None, "--title", help="What they do."),
    email: str | None = typer.Option(None, "--email", help="Where mails go."),
    language: str | None = typer.Option(None, "--language", help="en (of somebody new) or zh."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Register a person, or change what is known of one. What is not said stays.

    Example:
        trackplane people add ann --name "Ann Lee" --email ann@example.com
    """
    body = _said(name=name, title=title, email=email, language=language)
    made, _ = Api(url).call("PUT", f"/people/{person}", etag="*", json=body)
    if as_json:
        emit_json(made)
    else:
        say(f"person:{person} is registered")


@people.command("remove")
def remove_person(
    person: str = _NameArgument, url: str = UrlOption, as_json: bool = JsonOption
) -> None:
    """Forget a person's profile and memberships. Tokens stay.

    Example:
        trackplane people remove zoe
    """
    gone, _ = Api(url).call("DELETE", f"/people/{person}", etag="*")
    if as_json:
        emit_json(gone)
    else:
        say(f"person:{person} is forgotten")


@people.command()
def me(
    name: str | None = typer.Option(None, "--name", help="Your full name."),
    email: str | None = typer.Option(None, "--email", help="Where mails go; empty: nowhere."),
    language: str | None = typer.Option(None, "--language", help="en or zh."),
    webhook: str | None = typer.Option(None, "--webhook", help="Address that is called."),
    notify: list[str] = typer.Option(
        [], "--notify", help="KIND=inbox,email,webhook (or KIND=none); may be given again."
    ),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show who you are and where you are told what, or change it.

    Example:
        trackplane people me --language zh --notify comment=inbox
    """
    api = Api(url)
    found = api.get("/me")
    body = _said(name=name, email=email, language=language, webhook=webhook)
    if notify:
        body["notify"] = found["notify"] | dict(_wish(each) for each in notify)
    if body:
        found, _ = api.call("PATCH", "/me", json=body)
    if as_json:
        emit_json(found)
        return
    say(f"{found['person']} ({found['role']}), teams: {', '.join(found['teams']) or 'none'}")
    say(f"e-mail: {found['email'] or 'none'}; webhook: {found['webhook'] or 'none'}")
    table(
        ["what", "told by"],
        [[kind, ", ".join(where) or "nothing"] for kind, where in found["notify"].items()],
    )


def _said(**given: Any) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}


def _wish(text: str) -> tuple[str, list[str]]:
    kind, sign, channels = text.partition("=")
    if not sign:
        raise ConfigurationError(f"{text!r} is not KIND=CHANNELS")
    return kind, [] if channels == "none" else channels.split(",")


# --- teams


@teams.command("list")
def list_teams(url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """List teams, who is in them and how many events they own.

    Example:
        trackplane team list
    """
    rows = list(Api(url).items("/teams"))
    if as_json:
        emit_json(rows)
        return
    table(
        ["team", "title", "members", "events"],
        [[r["team"], r["title"], ", ".join(r["members"]), r["events"]] for r in rows],
        title="" if rows else "no teams yet: trackplane team add NAME --member PERSON",
    )


@teams.command("add")
def add_team(
    team: str = _TeamArgument,
    member: list[str] = typer.Option([], "--member", help="Who is in it; may be given again."),
    title: str | None = typer.Option(None, "--title", help="Its name for people."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Make a team, or change it. The members that are named are its members then.

    Example:
        trackplane team add pay --member ann --member bob
    """
    body = _said(title=title, members=member or None)
    made, _ = Api(url).call("PUT", f"/teams/{team}", etag="*", json=body)
    if as_json:
        emit_json(made)
    else:
        say(f"team:{team} has {len(made['members'])} member(s)")


@teams.command("remove")
def remove_team(
    team: str = _TeamArgument, url: str = UrlOption, as_json: bool = JsonOption
) -> None:
    """Delete a team. What it owns has an owner then that nobody knows.

    Example:
        trackplane team remove old
    """
    api = Api(url)
    events = api.get(f"/teams/{team}")["events"]
    gone, _ = api.call("DELETE", f"/teams/{team}", etag="*")
    if as_json:
        emit_json(gone)
        return
    orphans = f"; {events} event(s) have an owner now that nobody knows" if events else ""
    say(f"team:{team} is gone{orphans}")


# --- what one is told, what one has to look after


@inbox.command("list")
def list_inbox(
    unread: bool = typer.Option(False, "--unread", help="Only what is unread."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """List what you were told, the newest first.

    Example:
        trackplane inbox list --unread
    """
    rows = list(Api(url).items("/inbox", unread=unread or None))
    if as_json:
        emit_json(rows)
        return
    table(
        ["at", "", "what", "by", "about", ""],
        [
            [
                told(r["at"]),
                "" if r["read"] else "new",
                r["kind"].replace("_", " "),
                r["actor"],
                f"change {r['change']} {r['title']}" if r["change"] else f"{r['app']}/{r['event']}",
                r["detail"][:60],
            ]
            for r in rows
        ],
        title="" if rows else "nothing",
    )


@inbox.command("read")
def read_inbox(url: str = UrlOption, as_json: bool = JsonOption) -> None:
    """Mark everything as read.

    Example:
        trackplane inbox read
    """
    found, _ = Api(url).call("POST", "/inbox/read", json={})
    if as_json:
        emit_json(found)
    else:
        say("all is read")


def mine(
    team: str = typer.Option("", "--team", help="A team's, in place of yours."),
    app: str = typer.Option("", "--app", help="Only in this app."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show what you have to look after. It waits, is wrong, expires or has no owner.

    Example:
        trackplane mine
    """
    found = Api(url).get("/my-events", team=team or None, app=app or None)
    if as_json:
        emit_json(found)
        return
    say(f"{found['owned']} event(s) of {', '.join(found['owners'])}")
    for change in found["waits"]:
        say(f"waits: change {change['change']} {change['title']} ({change['events']} of yours)")
    for each in found["wrong"]:
        share = "" if each["share"] is None else f", {each['share']:.1%}"
        say(f"wrong: {each['app']}/{each['event']} {each['code']} {each['count']:,}{share}")
    for each in found["expires"]:
        say(f"expires: {each['app']}/{each['event']} on {each['on']}")
    for each in found["unowned"]:
        what = "unowned" if each["planned"] else "unplanned"
        say(f"{what}: {each['app']}/{each['event']} ({each['seen']:,} in seven days)")


# --- requirements


@requirements.command("list")
def list_requirements(
    app: str = typer.Option("", "--app", help="Only of this app."),
    state: str = typer.Option("", "--state", help="designed, implemented, verified or online."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """List requirements and how far each is.

    Example:
        trackplane requirement list
    """
    rows = list(Api(url).items("/requirements", app=app or None, state=state or None))
    if as_json:
        emit_json(rows)
        return
    table(
        ["id", "title", "state", "events", "changes", "deadline"],
        [
            [
                str(r["id"]),
                r["title"],
                r["state"],
                len(r["events"]),
                ", ".join(str(change["id"]) for change in r["changes"]) or "-",
                f"{r['deadline']}{' (overdue)' if r['overdue'] else ''}" if r["deadline"] else "-",
            ]
            for r in rows
        ],
        title="" if rows else "no requirements",
    )


@requirements.command("add")
def add_requirement(
    title: str = typer.Argument(..., help="What is needed, in a line."),
    text: str = typer.Option("", "--text", help="At more length."),
    link: str = typer.Option("", "--link", help="Where it is tracked."),
    app: list[str] = typer.Option([], "--app", help="An app; may be given again."),
    person: list[str] = typer.Option([], "--person", help="Who has it; may be given again."),
    deadline: str | None = typer.Option(None, "--deadline", help="By when (2027-06-30)."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Write down a need.

    Example:
        trackplane requirement add "Know which coupons sell" --app shop --deadline 2027-06-30
    """
    body = {
        "title": title,
        "description": text,
        "link": link,
        "apps": app,
        "people": person,
        "deadline": None if deadline is None else day(deadline),
    }
    made, _ = Api(url).call("POST", "/requirements", json=body)
    if as_json:
        emit_json(made)
    else:
        say(f"requirement {made['id']}; serve it: trackplane change new --requirement {made['id']}")


@requirements.command("show")
def show_requirement(
    id: int = typer.Argument(..., help="Its number.", show_default=False),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Show a requirement and how far each of its events is.

    Example:
        trackplane requirement show 1
    """
    found = Api(url).get(f"/requirements/{id}")
    if as_json:
        emit_json(found)
        return
    say(f"{found['id']} {found['title']}: {found['state']}")
    for line in filter(None, (found["description"], found["link"])):
        say(line)
    for change in found["changes"]:
        say(f"change {change['id']} {change['title']} ({change['state'].replace('_', ' ')})")
    table(
        ["event", "stage", "state"],
        [[f"{e['app']}/{e['event']}", e["stage"], e["state"]] for e in found["events"]],
    )


@requirements.command("edit")
def edit_requirement(
    id: int = typer.Argument(..., help="Its number.", show_default=False),
    title: str | None = typer.Option(None, "--title", help="What is needed, in a line."),
    text: str | None = typer.Option(None, "--text", help="At more length."),
    deadline: str | None = typer.Option(None, "--deadline", help="By when (2027-06-30)."),
    dropped: bool | None = typer.Option(None, "--drop/--keep", help="Nobody needs it any more."),
    url: str = UrlOption,
    as_json: bool = JsonOption,
) -> None:
    """Change a requirement; what is left out stays.

    Example:
        trackplane requirement edit 1 --deadline 2027-09-30
    """
    given = {
        "title": title,
        "description": text,
        "deadline": None if deadline is None else day(deadline),
        "dropped": dropped,
    }
    body = {key: value for key, value in given.items() if value is not None}
    made, _ = Api(url).call("PATCH", f"/requirements/{id}", etag="*", json=body)
    if as_json:
        emit_json(made)
    else:
        say(f"requirement {id}: {made['title']} ({made['state']})")
