/** English: rules, from draft to history; functions, tables, scripts. */
export const rulesEn = {
  "rule.tab.builder": "Builder",
  "rule.tab.edit": "Text",
  "rule.tab.history": "History",
  "rule.tab.shadow": "Shadow and canary",
  "rule.tab.statistics": "Statistics",
} as const;
