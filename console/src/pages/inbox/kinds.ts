/** What people are told of. */
import type { Notice } from "../../api/review";

export const KINDS = ["review_asked", "comment", "approved", "rejected", "approval_fell", "merged", "impact_found", "expires_soon", "violations"] as const satisfies readonly Notice["kind"][];
