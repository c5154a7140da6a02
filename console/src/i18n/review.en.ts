/** Change requests, impact, requirements, inbox, people. */
export const reviewEn = {
  "compatibility.additive": "additive",
  "compatibility.additive.about": "Everything that fits today fits tomorrow.",
  "compatibility.breaking": "breaking",
  "compatibility.breaking.about": "Events that fit today will not, or what reads them will find something else.",
  "compatibility.narrowing": "narrowing",
  "compatibility.narrowing.about": "Some events that fit today may not fit any more.",
  "nav.changes": "Change requests",
  "nav.inbox": "Inbox",
  "nav.mine": "My events",
  "nav.people": "People",
  "nav.requirements": "Requirements",
  "role.analyst": "Analyst",
  "role.data_owner": "Data owner",
  "role.designer": "Designer",
} as const;
