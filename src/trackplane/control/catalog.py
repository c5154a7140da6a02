"""What is in force, as rules see it: planned events, datasets, and which rules a change would break."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from trackplane.control.facilities import UNKNOWN, Facilities
from trackplane.discovery import Snapshot
from trackplane.discovery.compile import CompiledRule, Plans, compile_rule, definitions_of
from trackplane.errors import Finding, InputError
from trackplane.plan.model import EventSpec
from trackplane.rules import ir
from trackplane.rules.check import check_rule
from trackplane.rules.definitions import Definitions
from trackplane.rules.library import Environment
from trackplane.rules.load import load_rule
from trackplane.rules.source import TestResult
from trackplane.rules.tests import run_tests

Broken = dict[str, list[Finding]]  # rule -> why


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found; ``rule`` is None where the text makes none."""

    rule: ir.Rule | None
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    tests: tuple[TestResult, ...] = ()

    @property
    def ok(self) -> bool:
        """Say whether the rule may be published: its tests passed too."""
        return self.rule is not None and not self.findings


class Recompiled(msgspec.Struct, frozen=True, kw_only=True):
    """Rules compiled again: those that still check, and why the others do not."""

    rules: dict[str, CompiledRule]
    broken: Broken


class Catalog:
    """One state of the configuration."""

    def __init__(self, snapshot: Snapshot, facilities: Facilities = UNKNOWN) -> None:
        self._snapshot = snapshot
        self._facilities = facilities

    def _seen(self, visible: Callable[[str], bool]) -> Definitions:
        return definitions_of(
            self._snapshot,
            plans=Plans(self._snapshot, visible=visible),
            keys=self._facilities.keys(),
            has_geo=self._facilities.has_geo,
        )

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
        return compile_rule(source, file="rule.yaml", definitions=self._seen(visible))

    def check_rule(self, source: str, *, visible: Callable[[str], bool]) -> Checked:
        """Check a rule and run its tests; nothing is raised for what is wrong with it."""
        definitions = self._seen(visible)
        try:
            written = load_rule(source, file="rule.yaml")
            rule = check_rule(written, definitions)
        except InputError as error:
            return Checked(rule=None, findings=tuple(findings_of(error)))
        tests = tuple(run_tests(rule, written.tests, Environment.of(definitions)))
        failed = tuple(
            Finding(
                code="rule_test",
                message=f"test {test.number}: {test.message}",
                file="rule.yaml",
                line=test.line or None,
            )
            for test in tests
            if not test.passed
        )
        return Checked(rule=rule, findings=failed, tests=tests)

    def recompile(self, sources: Mapping[str, str], definitions: Definitions) -> Recompiled:
        """Compile rules (name -> text) under other definitions."""
        found = Recompiled(rules={}, broken={})
        for name, source in sources.items():
            try:
                found.rules[name] = compile_rule(
                    source, file=f"rule {name}", definitions=definitions
                )
            except InputError as error:
                found.broken[name] = findings_of(error)
        return found

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

    def writers(self, dataset: str) -> Iterator[ir.Rule]:
        """Give the rules in force that write to a dataset."""
        for resource in self._snapshot.of_kind("rule"):
            rule = ir.decode_rule(resource.body)
            if dataset in ir.targets(rule):
                yield rule

    def _broken(self, definitions: Definitions, concerned: Callable[[ir.Rule], bool]) -> Broken:
        broken: Broken = {}
        for resource in self._snapshot.of_kind("rule"):
            rule = ir.decode_rule(resource.body)
            if not concerned(rule):
                continue
            try:
                compile_rule(rule.text, file=f"rule {rule.name}", definitions=definitions)
            except InputError as error:
                broken[rule.name] = findings_of(error)
        return broken

    def _datasets(self) -> dict[str, ir.Dataset]:
        return {
            resource.name: ir.decode_dataset(resource.body)
            for resource in self._snapshot.of_kind("dataset")
        }


def findings_of(error: InputError) -> list[Finding]:
    """Return an error's findings; of one without any, itself as a finding."""
    return list(error.findings) or [Finding(code=error.code, message=error.message)]
