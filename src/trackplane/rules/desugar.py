"""What ``mask``, ``pseudonymise`` and ``tag`` stand for: calls of functions, as syntax or IR."""

from __future__ import annotations

from typing import Final

from trackplane.rules.ir import STRING, Call, Expression, Literal, Path, Type
from trackplane.rules.pipeline import TAGS
from trackplane.rules.source import Excerpt
from trackplane.rules.syntax import Apply, Broken, Constant, Node

TAGS_PATH: Final = Path("what", (TAGS,), Type("array", STRING))
_FUNCTION: Final = {"mask": "mask", "pseudonymise": "pseudonym"}

Reason = tuple[str, str | None]  # a message and a hint


def protected(kind: str, path: Node, text: Excerpt) -> tuple[Node, Reason | None]:
    """Return ``mask(path, "method")`` or ``pseudonym(path, "key")``, or why there is none.

    ``text`` is the method or the name of the key.
    """
    if isinstance(path, Broken):
        return path, None
    function = _FUNCTION[kind]
    if not text.text:
        example = "redact" if kind == "mask" else "default"
        return path, (
            f"{kind} needs a {'method' if kind == 'mask' else 'key'}",
            f"such as {example}",
        )
    constant = Constant(text.text, path.start, path.end)
    return Apply(function, (path, constant), path.start, path.end), None


def tagged(tags: Expression, label: str, when: Expression) -> Expression:
    """Return ``tag(tags, "label", when)``.

    >>> tagged(TAGS_PATH, "like", Literal(True, Type("bool"))).function
    'tag'
    """
    type_ = Type("array", STRING)
    return Call("tag", (tags, Literal(label, STRING), when), type_)
