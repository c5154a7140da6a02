"""Reading a script before it is published: what is surely wrong with it. Pure; nothing is run.

This tells an author early; it is no protection. Whatever passes runs isolated all the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from trackplane.errors import Finding, InputError, did_you_mean
from trackplane.rules.ir import ScriptText
from trackplane.scripts.allowed import ABSENT_BUILTINS, ENTRIES, MODULES, PARENTS

MAX_BYTES: Final = 64 * 1024
_LIMITS: Final = {"wall_ms": (10, 10_000), "cpu_ms": (10, 10_000), "memory_mb": (16, 2_048)}


class ScriptError(InputError):
    """A script is wrong; ``findings`` say where."""

    code = "script"


def check_script(script: ScriptText, *, file: str | None = None) -> None:
    """Check a script's text and limits.

    Raises:
        ScriptError: with every finding, each with line and column.
    """
    findings = [*_limits(script), *_text(script.text)]
    if findings:
        placed = [_placed(finding, file or script.name) for finding in findings]
        raise ScriptError(f"script {script.name} is wrong", findings=placed)


def _placed(finding: Finding, file: str) -> Finding:
    return Finding(
        code=finding.code,
        message=finding.message,
        file=file,
        line=finding.line,
        column=finding.column,
        input=finding.input,
        hint=finding.hint,
    )


def _limits(script: ScriptText) -> Iterator[Finding]:
    for name, (least, most) in _LIMITS.items():
        value = getattr(script, name)
        if not least <= value <= most:
            yield Finding(
                code="script.limit", message=f"{name} is {value}: it is from {least} to {most}"
            )


def _text(text: str) -> Iterator[Finding]:
    if len(text.encode(errors="replace")) > MAX_BYTES:
        yield Finding(code="script.size", message=f"a script has at most {MAX_BYTES} bytes")
        return
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield Finding(
            code="script.syntax",
            message=error.msg,
            line=error.lineno,
            column=error.offset,
            input=(error.text or "").rstrip("\n") or None,
        )
        return
    except (ValueError, RecursionError, MemoryError):
        yield Finding(code="script.syntax", message="this is no text that Python can read")
        return
    yield from _entry(tree)
    lines = text.splitlines()
    found = [finding for node in ast.walk(tree) for finding in _node(node, lines)]
    yield from sorted(found, key=lambda finding: (finding.line or 0, finding.column or 0))


def _entry(tree: ast.Module) -> Iterator[Finding]:
    entries = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in ENTRIES
    ]
    if len(entries) != 1:
        near = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
        hint = next((did_you_mean(name, ENTRIES) for name in near if name not in ENTRIES), None)
        yield Finding(
            code="script.entry",
            message="a script defines either transform(event) or transform_batch(events)",
            hint=hint,
        )
    for node in entries:
        arguments = node.args
        required = len(arguments.posonlyargs + arguments.args) - len(arguments.defaults)
        needed = sum(default is None for default in arguments.kw_defaults)
        if isinstance(node, ast.AsyncFunctionDef) or required != 1 or needed:
            yield Finding(
                code="script.entry",
                message=f"{node.name} is a plain function of one argument",
                line=node.lineno,
                column=node.col_offset + 1,
            )


def _node(node: ast.AST, lines: list[str]) -> Iterator[Finding]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name not in MODULES:
                yield _import(node, alias.name, lines)
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        names = [f"{module}.{alias.name}" for alias in node.names]
        if node.level or (module not in MODULES and module not in PARENTS):
            yield _import(node, "." * node.level + module, lines)
        elif module not in MODULES:
            yield from (_import(node, name, lines) for name in names if name not in MODULES)
    elif isinstance(node, ast.Name) and node.id in ABSENT_BUILTINS:
        yield _finding(node, "script.name", f"a script has no {node.id}", lines)


def _import(node: ast.stmt, name: str, lines: list[str]) -> Finding:
    hint = did_you_mean(name, MODULES) or f"there are {', '.join(sorted(MODULES))}"
    return _finding(node, "script.import", f"a script may not import {name}", lines, hint)


def _finding(
    node: ast.stmt | ast.expr, code: str, message: str, lines: list[str], hint: str | None = None
) -> Finding:
    return Finding(
        code=code,
        message=message,
        line=node.lineno,
        column=node.col_offset + 1,
        input=lines[node.lineno - 1] if node.lineno <= len(lines) else None,
        hint=hint,
    )
