/** 变更单、影响、需求、收件箱、人员。 */
export const reviewZh = {
  "nav.changes": "变更单",
  "nav.inbox": "收件箱",
  "nav.mine": "我的事件",
  "nav.people": "人员",
  "nav.requirements": "需求",
} as const;
