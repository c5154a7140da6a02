"""What the demo changes while events flow: five versions of rules, and a revision of the plan."""

from __future__ import annotations

from textwrap import indent
from typing import Final

_ENGAGEMENT: Final = """\
rule: engagement
from: events
apps: [shop]
where: event in ("product_view", "wishlist_add", "add_to_cart") and {condition}
select:
  id: id
  user: who.user_id
  action: event
  weight: {weight}
  platform: how.platform
to: shop.engagement
owner: team:recsys
"""
_TROUBLE: Final = """\
rule: trouble
from: events
apps: [shop]
where: event in ("payment_error", "checkout_bug"{more})
select:
  id: id
  event: event
  reason: {reason}
  page: where.page
to: shop.trouble
owner: team:checkout
"""

# (rule, its new text), in the order they are published.
RULE_CHANGES: Final[tuple[tuple[str, str], ...]] = (
    (
        "engagement",
        _ENGAGEMENT.format(condition='how.platform == "mobile"', weight="2"),
    ),
    ("trouble", _TROUBLE.format(more="", reason="'\"checkout only\"'")),
    (
        "engagement",
        _ENGAGEMENT.format(
            condition='how.platform in ("mobile", "tablet")',
            weight='if_(event == "add_to_cart", 8, 1)',
        ),
    ),
    (
        "trouble",
        _TROUBLE.format(more=', "error_page", "support_chat"', reason='concat(event, " seen")'),
    ),
    (
        "engagement",
        _ENGAGEMENT.format(condition="who.user_id is not None", weight="1"),
    ),
)

# The plan change of the demo is one new event; laid behind the example plan's events it is a text.
GIFT_CARD: Final = """\
gift_card:
  title: {en: Gift card bought, zh: 购买礼品卡}
  owner: team:growth
  grade: P1
  groups: [visit]
  what: {total: {type: money, required: true}}
"""
PLAN_CHANGE: Final = indent(GIFT_CARD, "  ")
