"""Why something is proposed, in words of both languages."""

from __future__ import annotations

from typing import Final

import msgspec

from trackplane.wording import Likeness

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "used_by_like_events": (
        "{n} of the {of} events most like this one have it",
        "与此最相似的 {of} 个事件中有 {n} 个使用它",
    ),
    "goes_with": (
        "it stands beside {path} in {share} of its events",
        "在 {share} 的事件中它与 {path} 同时出现",
    ),
    "usual_here": ("{share} of the events of {app} have it", "{app} 中 {share} 的事件使用它"),
    "name_like": ("its name is like {name}: {why}", "名称与 {name} 相似：{why}"),
    "covers": (
        "{n} of its {of} properties are already here: {paths}",
        "它的 {of} 个属性中已有 {n} 个在此：{paths}",
    ),
    "mentioned": ("the text speaks of {words}", "文字中提到 {words}"),
    "same_shape": ("{path} is written out as {name} is", "{path} 的写法与 {name} 完全相同"),
    "like_shape": (
        "{n} of the {of} properties of {path} are those of {name}",
        "{path} 的 {of} 个属性中有 {n} 个属于 {name}",
    ),
    "type_elsewhere": (
        "{path} has this type in {n} events",
        "{path} 在 {n} 个事件中使用此类型",
    ),
    "title_like": ("its title is like {name}: {why}", "标题与 {name} 相似：{why}"),
    "same_properties": (
        "{n} properties are the same: {paths}",
        "有 {n} 个相同属性：{paths}",
    ),
    "receives": ("{n} events a day arrive under that name", "每天收到 {n} 条该名称的事件"),
    "deprecated": ("but it is deprecated", "但它已废弃"),
    "more_used": ("{n} events use that name", "有 {n} 个事件使用该名称"),
    "library": ("library {name} has it for every app", "公共库 {name} 提供给所有应用"),
}


class Why(msgspec.Struct, frozen=True):
    """A reason: a stable ``code`` and its text by language (``en``, ``zh``)."""

    code: str
    text: dict[str, str]


def why(code: str, **parts: object) -> Why:
    """Return a reason with its parts filled in; a part may be a text by language."""
    english, chinese = _TEXTS[code]
    return Why(code, {"en": _filled(english, "en", parts), "zh": _filled(chinese, "zh", parts)})


def _filled(template: str, language: str, parts: dict[str, object]) -> str:
    return template.format(
        **{
            name: part.get(language, "") if isinstance(part, dict) else part
            for name, part in parts.items()
        }
    )


def in_words(found: Likeness) -> dict[str, str]:
    """Return why two names are alike, in one line for each language."""
    return {
        "en": ", ".join(reason.text("en") for reason in found.reasons),
        "zh": "，".join(reason.text("zh") for reason in found.reasons),
    }


def share_in_words(share: float) -> str:
    """Return a share as whole percents, and what is not quite all as such."""
    return f"{min(round(share * 100), 99) if share < 1 else 100} %"
