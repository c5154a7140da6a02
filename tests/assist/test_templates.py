"""Templates: each is a plan that loads, lints and can be laid into another."""

from __future__ import annotations

import pytest

from trackplane.assist import completeness, read_design
from trackplane.assist.templates import TemplateError, apply, check_free, templates
from trackplane.plan import Workspace, compile_validator, lint, load_plan, load_plans
from trackplane.plan.edit import part_of
from trackplane.plan.example import example

NAMES = ("commerce", "media", "saas", "games", "feeds")


def test_there_are_five_domains_in_two_languages() -> None:
    assert tuple(templates()) == NAMES
    for one in templates().values():
        assert set(one.title) == set(one.description) == {"en", "zh"}


@pytest.mark.parametrize("name", NAMES)
def test_a_template_loads_lints_and_its_examples_pass(name: str) -> None:
    template = templates()[name]
    workspace = Workspace.load({f"{name}.yaml": template.text})
    assert workspace.warnings == ()
    assert [str(finding) for finding in lint(workspace)] == []
    assert len(workspace.plan.events) >= 10
    assert workspace.plan.types
    assert workspace.plan.groups
    assert workspace.plan.metrics
    for spec in workspace.plan.events.values():
        assert not compile_validator(spec)(example(spec))


@pytest.mark.parametrize("name", NAMES)
def test_every_text_of_a_template_is_in_both_languages_and_nearly_complete(name: str) -> None:
    template = templates()[name]
    for event, spec in template.plan.events.items():
        texts = [spec.title, spec.description, spec.trigger]
        texts += [p.description for held in spec.properties.values() for p in held.values()]
        assert all(isinstance(text, dict) and set(text) == {"en", "zh"} for text in texts), event
        part = part_of({"t.yaml": template.text}, "events", event)
        assert part is not None
        missing = {one.code for one in completeness(read_design(event, part.text)).missing}
        assert missing <= {"owner", "platforms", "screenshots"}, (event, missing)


@pytest.mark.parametrize("name", NAMES)
def test_a_template_lies_in_a_plan_under_a_prefix_twice(name: str) -> None:
    template = templates()[name]
    files = {"plan.yaml": "format: 1\napp: shop\nevents: {}\n"}
    for prefix in ("mall", "outlet"):
        made = apply(template, "shop", prefix, files)
        check_free(made)
        files[made.file] = made.text
    plan = load_plans(files)
    for event, spec in template.plan.events.items():
        for prefix in ("mall", "outlet"):
            assert plan.events[f"{prefix}_{event}"].properties == spec.properties
    assert {metric.of for metric in plan.metrics.values()} <= plan.events.keys()


def test_types_that_are_there_and_alike_are_reused_others_get_the_prefix() -> None:
    template = templates()["commerce"]
    part = part_of({"t.yaml": template.text}, "types", "money")
    assert part is not None
    body = "".join(f"  {line}\n" for line in part.text.splitlines())
    files = {"p.yaml": f"format: 1\napp: shop\ntypes:\n{body}  order_line: string\nevents: {{}}\n"}
    made = apply(template, "shop", "mall", files)
    assert made.reused == ("types money",)
    assert made.names["types"] == {"money": "money", "order_line": "mall_order_line"}
    plan = load_plans({**files, made.file: made.text})
    assert plan.events["mall_order_pay"].properties == template.plan.events["order_pay"].properties


def test_names_that_are_taken_are_all_named() -> None:
    files = {"p.yaml": "format: 1\napp: shop\nevents: {order_pay: {}, cart_add: {}}\n"}
    made = apply(templates()["commerce"], "shop", "", files)
    assert set(made.collisions) == {"events order_pay", "events cart_add"}
    with pytest.raises(TemplateError) as error:
        check_free(made)
    assert len(error.value.findings) == 2


def test_a_template_as_it_stands_is_its_own_plan() -> None:
    made = apply(templates()["games"], "games", "", {})
    assert load_plan(made.text) == templates()["games"].plan
