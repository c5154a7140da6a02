/** Actions in the reader's language; one that the console does not know in the server's words. */
import type { Schemas } from "../../api/client";
import type { MessageId, Translate } from "../../i18n";

const WORDS = {
  read: "permissions.read",
  "profile.edit": "permissions.profile_edit",
  "data.read": "permissions.data_read",
  "query.edit": "permissions.query_edit",
  comment: "permissions.comment",
  "change.propose": "permissions.change_propose",
  "change.review": "permissions.change_review",
  "requirement.edit": "permissions.requirement_edit",
  "screenshot.add": "permissions.screenshot_add",
  "change.merge": "permissions.change_merge",
  "plan.apply": "permissions.plan_apply",
  "rule.edit": "permissions.rule_edit",
  "definition.edit": "permissions.definition_edit",
  "dirty.replay": "permissions.dirty_replay",
  "key.edit": "permissions.key_edit",
  "client.register": "permissions.client_register",
  "change.approve": "permissions.change_approve",
  "plan.renew": "permissions.plan_renew",
  "library.publish": "permissions.library_publish",
  "app.edit": "permissions.app_edit",
  "lint.edit": "permissions.lint_edit",
  "budget.exceed": "permissions.budget_exceed",
  "review.bypass": "permissions.review_bypass",
  "person.edit": "permissions.person_edit",
  "token.edit": "permissions.token_edit",
  "audit.read": "permissions.audit_read",
} as const satisfies Record<string, MessageId>;

export function actionName(item: Schemas["Permission"], t: Translate): string {
  const known = Object.entries(WORDS).find(([action]) => action === item.action);
  return known ? t(known[1]) : item.meaning;
}
