"""What is in force, as rules see it: planned events, datasets, and which rules a change would break."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from trackplane.discovery import Snapshot
from trackplane.discovery.compile import CompiledRule, Plans, compile_rule, definitions_of
from trackplane.errors import Finding, InputError
from trackplane.plan.model import EventSpec
from trackplane.rules import ir
from trackplane.rules.definitions import Definitions

Broken = dict[str, list[Finding]]  # rule -> why


class Catalog:
    """One state of the configuration."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def bodies_of(self, app: str) -> dict[str, bytes]:
        """Return the planned events of an app as they travel."""
        prefix = f"{app}/"
        return {
            resource.name.removeprefix(prefix): resource.body
            for resource in self._snapshot.of_kind("event")
            if resource.name.startswith(prefix)
        }

    def compile_rule(self, source: str, *, visible: Callable[[str], bool]) -> CompiledRule:
        """Check a rule against the plans that the caller sees, and run its tests.

        Raises:
            RuleError: with every finding.
        """
        plans = Plans(self._snapshot, visible=visible)
        definitions = definitions_of(self._snapshot, plans=plans)
        return compile_rule(source, file="rule.yaml", definitions=definitions)

    def broken_by(self, app: str, specs: Mapping[str, EventSpec], touched: Iterable[str]) -> Broken:
        """Return the rules that read ``touched`` events and would break under another plan."""
        events = set(touched)
        plans = Plans(self._snapshot, instead={app: specs})
        return self._broken(
            definitions_of(self._snapshot, plans=plans),
            lambda rule: (
                (not rule.apps or app in rule.apps)
                and rule.events is not None
                and not events.isdisjoint(rule.events)
            ),
        )

    def broken_by_dataset(self, name: str, body: bytes) -> Broken:
        """Return the rules that would break if a dataset were another."""
        datasets = {**self._datasets(), name: ir.decode_dataset(body)}
        definitions = definitions_of(self._snapshot, datasets=datasets)
        return self._broken(definitions, lambda rule: name in ir.targets(rule))

    def _broken(self, definitions: Definitions, concerned: Callable[[ir.Rule], bool]) -> Broken:
        broken: Broken = {}
        for resource in self._snapshot.of_kind("rule"):
            rule = ir.decode_rule(resource.body)
            if not concerned(rule):
                continue
            try:
                compile_rule(rule.text, file=f"rule {rule.name}", definitions=definitions)
            except InputError as error:
                broken[rule.name] = list(error.findings) or [
                    Finding(code=error.code, message=error.message)
                ]
        return broken

    def _datasets(self) -> dict[str, ir.Dataset]:
        return {
            resource.name: ir.decode_dataset(resource.body)
            for resource in self._snapshot.of_kind("dataset")
        }
