"""What is in force, as rules see it: planned events, datasets, and which rules a change would break."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from trackplane.discovery import Snapshot
from trackplane.discovery.compile import CompiledRule, Plans, compile_rule
from trackplane.errors import Finding, InputError
from trackplane.plan.model import EventSpec
from trackplane.rules import ir

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
        return compile_rule(source, file="rule.yaml", plans=plans, datasets=self._datasets())

    def broken_by(self, app: str, specs: Mapping[str, EventSpec], touched: Iterable[str]) -> Broken:
        """Return the rules that read ``touched`` events and would break under another plan."""
        events = set(touched)
        plans = Plans(self._snapshot, instead={app: specs})
        return self._broken(
            plans,
            self._datasets(),
            lambda rule: (
                (not rule.apps or app in rule.apps)
                and rule.events is not None
                and not events.isdisjoint(rule.events)
            ),
        )

    def broken_by_dataset(self, name: str, body: bytes) -> Broken:
        """Return the rules that would break if a dataset were another."""
        datasets = {**self._datasets(), name: ir.decode_dataset(body)}
        plans = Plans(self._snapshot)
        return self._broken(plans, datasets, lambda rule: rule.target == name)

    def _broken(
        self,
        plans: Plans,
        datasets: Mapping[str, ir.Dataset],
        concerned: Callable[[ir.Rule], bool],
    ) -> Broken:
        broken: Broken = {}
        for resource in self._snapshot.of_kind("rule"):
            rule = ir.decode_rule(resource.body)
            if not concerned(rule):
                continue
            try:
                compile_rule(rule.text, file=f"rule {rule.name}", plans=plans, datasets=datasets)
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
