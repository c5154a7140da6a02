/** Why an action is closed, in the reader's language; what the console does not know, in the server's words. */
import type { MessageId, Translate } from "../../i18n";
import { STATES } from "./model";

type Words = (match: RegExpExecArray, t: Translate) => string;

const stateWords: Words = ([, state = ""], t) => {
  const known = STATES.find((one) => one === state.replace(" ", "_"));
  return t("reason.state", { state: known ? t(`change.state.${known}`) : state });
};

const RULES: readonly [pattern: RegExp, words: MessageId | Words][] = [
  [/^the role (viewer|analyst|designer|developer|data_owner|admin) may not \(.*\)$/, ([, role], t) => t("reason.role", { role: t(`role.${role as "viewer"}`) })],
  [/^it is (draft|in review|approved|merged|closed)$/, stateWords],
  [/^it is (.+)'s$/, ([, who = ""], t) => t("reason.whose", { who })],
  [/^(\d+) finding\(s\) are to be mended first$/, ([, count = "0"], t) => t("reason.findings", { count: Number(count) })],
  [/^it stands on the revision in force$/, "reason.current"],
  [/^its impact is to be worked out anew first$/, "reason.impact"],
  [/^it changes nothing$/, "reason.nothing"],
  [/^everything is approved already$/, "reason.approved"],
  [/^nobody approves their own change of a grade above P3$/, "reason.own"],
  [/^this needs the role (viewer|analyst|designer|developer|data_owner|admin) or a higher one$/, ([, role], t) => t("reason.needs_role", { role: t(`role.${role as "viewer"}`) })],
  [/^(P[0-3])(?: regraded)? asks for [^:]+(?:: (.+))?$/, ([, grade = "", names], t) => (names ? t("reason.grade_names", { grade, names }) : t("reason.grade", { grade }))],
];

export function reasonWords(reason: string, t: Translate): string {
  for (const [pattern, words] of RULES) {
    const match = pattern.exec(reason);
    if (match) return typeof words === "string" ? t(words) : words(match, t);
  }
  return reason;
}
