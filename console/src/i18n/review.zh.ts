/** 变更单、影响、需求、收件箱、人员。 */
export const reviewZh = {
  "compatibility.additive": "新增",
  "compatibility.additive.about": "今天合格的事件，以后依然合格。",
  "compatibility.breaking": "破坏性",
  "compatibility.breaking.about": "今天合格的事件将不再合格，或读取它们的下游会得到不同的内容。",
  "compatibility.narrowing": "收窄",
  "compatibility.narrowing.about": "部分今天合格的事件可能不再合格。",
  "nav.changes": "变更单",
  "nav.inbox": "收件箱",
  "nav.mine": "我的事件",
  "nav.people": "人员",
  "nav.requirements": "需求",
  "role.analyst": "分析师",
  "role.data_owner": "数据负责人",
  "role.designer": "设计师",
} as const;
