"""How the engine runs a rule: where the index has it, what it is found by, and its generated code."""

from __future__ import annotations

import msgspec

from trackplane.engine.access import AccessPath, covers
from trackplane.engine.bucket import BUCKET_RULES
from trackplane.engine.generate import source_of
from trackplane.engine.index import KNOWN, Branch, Node, Plan
from trackplane.engine.ruleset import Ruleset
from trackplane.rules.ir import Rule
from trackplane.rules.library.environment import NOTHING, Environment

__all__ = ["Placement", "placement", "source_of"]


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where the index has a rule.

    Attributes:
        access: what the rule is found by, the outermost first; any one of those joined by "or".
        everywhere: it is tried on every event of its apps.
        shared_with: other rules that are tried with it.
        buckets: generated functions that those make together.
        selectivity: the share of events that it is tried on, of those it stands under, estimated.
        known_events: events whose values the estimate rests on; 0: only the rules' constants.
        why: a sentence each.
    """

    access: tuple[str, ...]
    everywhere: bool
    shared_with: int
    buckets: int
    selectivity: float
    known_events: int
    why: tuple[str, ...]


def placement(ruleset: Ruleset, rule: Rule, environment: Environment = NOTHING) -> Placement:
    """Return where a rule stands, or would stand if it were in the ruleset."""
    if ruleset.rule(rule.name) != rule:
        datasets = ruleset.datasets
        body = msgspec.json.encode(rule)
        ruleset, _ = ruleset.apply(
            ruleset.number, changed={rule.name: body}, datasets=datasets, environment=environment
        )
    event = None if rule.events is None else next(iter(rule.events), None)
    app = rule.apps[0] if 0 < len(rule.apps) <= ruleset.most_apps else None
    access: list[str] = []
    why: list[str] = []
    if rule.events is not None:
        named = ", ".join(map(repr, rule.events[:3])) + (", …" if len(rule.events) > 3 else "")
        access.append(f"event in ({named})" if len(rule.events) != 1 else f"event == {named}")
        why.append("the filter names its events: a look at a frame's directory finds them")
    else:
        why.append("the filter names no events")
    if app is not None:
        access.append("app in (" + ", ".join(map(repr, rule.apps)) + ")")
    posting = ruleset.node(event, app)
    here: list[str] = list(posting or ())
    share, known = 1.0, 0
    everywhere = False
    node = posting if isinstance(posting, Node) else None
    if node is None and rule.events is not None:
        why.append(f"{len(here)} rules are few enough to be told apart by generated code")
    while node is not None:
        member = node.members.get(rule.name)
        plan: Plan = node.plan
        known = plan.events
        if member is None:
            here = list(node.names)
            everywhere = rule.events is None and node.is_root
            why.append(
                "no part of the filter can be looked up: tried on every event"
                if everywhere
                else "nothing else in the filter narrows it further"
            )
            break
        cover = covers(rule.where)[member.choice]
        access.append(" or ".join(map(str, cover)))
        estimate = plan.share(cover)
        share *= estimate
        seen = f"{known} events seen" if known else "the rules' constants"
        why.append(f"{access[-1]}: lets {estimate:.2%} through, by {seen}")
        if all(predicate.path in KNOWN for predicate in cover):
            why.append("decided by the event's name, app and environment alone")
        found = [
            posting
            for predicate in cover
            for posting in _postings(
                node.branches[predicate.path], predicate.path, rule.name, cover
            )
        ]
        node = next((each for each in found if isinstance(each, Node)), None)
        here = sorted({name for each in found if isinstance(each, tuple) for name in each})
    others = max(len(set(here) - {rule.name}), 0)
    return Placement(
        access=tuple(access),
        everywhere=everywhere,
        shared_with=others,
        buckets=-(-(others + 1) // BUCKET_RULES),
        selectivity=share,
        known_events=known,
        why=tuple(why),
    )


def _postings(
    branch: Branch, path: AccessPath, name: str, cover: object
) -> list[tuple[str, ...] | Node]:
    found: list[tuple[str, ...] | Node] = []
    predicates = [p for p in cover if p.path == path] if isinstance(cover, tuple) else []
    for predicate in predicates:
        for key in branch.keys(predicate):
            posting = branch.postings.get(key) or branch.shared.get(key)
            if posting is not None and name in set(posting):
                found.append(posting)
                break
    return found
