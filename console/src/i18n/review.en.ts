/** Change requests, impact, requirements, inbox, people. */
export const reviewEn = {
  "nav.changes": "Change requests",
  "nav.inbox": "Inbox",
  "nav.mine": "My events",
  "nav.people": "People",
  "nav.requirements": "Requirements",
} as const;
