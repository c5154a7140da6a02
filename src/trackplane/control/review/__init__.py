"""Change requests: branches, approvals, merges, requirements; people, and what they are told."""
