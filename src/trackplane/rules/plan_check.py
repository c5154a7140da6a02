"""The expressions of a plan: its checks and metrics, against its own events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trackplane.errors import Finding
from trackplane.plan.model import Plan
from trackplane.plan.report import Path, Report
from trackplane.plan.state import placed_in
from trackplane.plan.text import PlanError
from trackplane.rules.checks import check_findings
from trackplane.rules.metrics import metric_findings


def check_expressions(plan: Plan, files: Mapping[str, str], before: Plan | None = None) -> None:
    """Check a plan's checks and metrics; ``files`` are its texts, for the places of findings.

    ``before`` is a plan that was checked: what did not change since is not looked at again.

    Raises:
        PlanError: with every finding, each with file and line.
    """
    found = list(_findings(plan, before))
    if not found:
        return
    report = Report()
    for path, finding in found:
        shown = f" in `{finding.input.splitlines()[0]}`" if finding.input else ""
        place = f" (column {finding.column}{shown})" if finding.column else ""
        report.add(finding.code, finding.message + place, path, hint=finding.hint)
    findings = [each for each in placed_in(files, report.entries) if each.severity == "error"]
    raise PlanError(f"{len(findings)} finding(s) in checks and metrics", findings=findings)


def _findings(plan: Plan, before: Plan | None) -> Iterator[tuple[Path, Finding]]:
    events = before.events if before is not None else {}
    metrics = before.metrics if before is not None else {}
    for name, spec in plan.events.items():
        if spec.checks and spec != events.get(name):
            for number, finding in check_findings(spec):
                yield ("events", name, "checks", number, "that"), finding
    for name, metric in plan.metrics.items():
        of = plan.events.get(metric.of)
        if of is not None and (metric != metrics.get(name) or of != events.get(metric.of)):
            for finding in metric_findings(metric, of):
                yield ("metrics", name, finding.file or "measure"), finding
