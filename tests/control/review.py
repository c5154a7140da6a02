"""A running control plane with an app, people of every kind and a plan of every grade."""

from __future__ import annotations

from typing import Any

import httpx

PLAN = """\
format: 1
app: shop
types:
  money: {type: object, properties: {value: {type: number, required: true}, currency: {type: string}}}
events:
  order_pay:
    title: Order paid
    owner: team:pay
    grade: P0
    what:
      total: {type: money, required: true}
  cart_add:
    title: Added to the cart
    owner: team:cart
    grade: P1
    what:
      sku: {type: string, required: true}
  page_view:
    title: A page was seen
    owner: team:web
    grade: P2
    what:
      url: {type: string}
  hover:
    title: The pointer rested
    owner: team:web
    grade: P3
    what:
      target: {type: string}
metrics:
  gmv: {title: Gross value, owner: team:pay, of: order_pay, measure: sum(what.total.value)}
"""
PEOPLE = {
    "ann": ("designer", ["pay"]),
    "bob": ("data_owner", ["pay"]),
    "cat": ("data_owner", ["cart"]),
    "dan": ("designer", ["cart"]),
    "eve": ("designer", []),
    "fay": ("developer", []),
    "gus": ("analyst", []),
    "hal": ("viewer", []),
}


class Station:
    """People of every kind at a running control plane; ``client`` of each by name."""

    def __init__(self, control: Any, apps: tuple[str, ...] = ("*",)) -> None:
        self.control = control
        self.admin: httpx.Client = control.client
        self.people: dict[str, httpx.Client] = {}
        teams: dict[str, list[str]] = {}
        for person, (role, member) in PEOPLE.items():
            self.people[person] = control.new_token(
                name=f"{person}'s", person=person, role=role, apps=list(apps)
            )
            for team in member:
                teams.setdefault(team, []).append(person)
        for team, members in teams.items():
            answer = self.admin.put(
                f"/teams/{team}",
                json={"title": team.title(), "members": members},
                headers={"If-Match": "*"},
            )
            assert answer.is_success, answer.text


class Review:
    """An app with its plan, and what people do with it."""

    def __init__(self, station: Station, app: str = "shop", plan: str = PLAN) -> None:
        self.control = station.control
        self.admin = station.admin
        self.people = station.people
        self.app = app
        made = self.admin.post("/apps", json={"app": app})
        assert made.status_code == 201, made.text
        self.original = plan.replace("app: shop", f"app: {app}")
        self.put_plan(self.original)

    def __getattr__(self, name: str) -> httpx.Client:
        return self.people[name]

    def put_plan(self, text: str) -> dict[str, Any]:
        answer = self.admin.put(
            f"/apps/{self.app}/plan",
            json={"files": {"plan.yaml": text}},
            headers={"If-Match": "*"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def plan(self) -> str:
        return self.admin.get(f"/apps/{self.app}/plan").json()["files"]["plan.yaml"]

    def propose(
        self, *edits: tuple[str, str], author: str = "ann", submit: bool = True, **more: Any
    ) -> dict[str, Any]:
        """Make a change request of the plan in force with texts replaced."""
        text = self.plan()
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        body = {"app": self.app, "title": "A change", "files": {"plan.yaml": text}, **more}
        answer = self.people[author].post("/changes", json=body)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return self.act(author, made["id"], "submit") if submit else made

    def act(self, person: str, id: int, verb: str, **body: Any) -> dict[str, Any]:
        answer = self.people[person].post(f"/changes/{id}/{verb}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, id: int, person: str = "ann", below: str = "", **query: Any) -> dict[str, Any]:
        answer = self.people[person].get(f"/changes/{id}{below}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def save(
        self, id: int, *edits: tuple[str, str], author: str = "ann", **headers: str
    ) -> httpx.Response:
        """Save the branch with texts replaced."""
        text = self.get(id, author, "/files", all=True)["files"]["plan.yaml"]
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        return self.people[author].put(
            f"/changes/{id}/files",
            json={"files": {"plan.yaml": text}},
            headers=headers or {"If-Match": "*"},
        )

    def assess(self, id: int, person: str = "fay") -> dict[str, Any]:
        """Work out the impact, which a merge asks for."""
        answer = self.people[person].post(f"/changes/{id}/impact", json={})
        assert answer.is_success, answer.text
        return answer.json()

    def merge(self, id: int, person: str = "fay") -> dict[str, Any]:
        """Work out the impact and merge."""
        self.assess(id, person)
        return self.act(person, id, "merge")
