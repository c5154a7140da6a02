/** 简体中文：规则的草稿到历史；函数、查找表、脚本。 */
import type { rulesEn } from "./rules.en";

export const rulesZh: Record<keyof typeof rulesEn, string> = {
  "rule.tab.builder": "构建器",
  "rule.tab.edit": "文本",
  "rule.tab.history": "历史",
  "rule.tab.shadow": "影子与灰度",
  "rule.tab.statistics": "统计",
};
