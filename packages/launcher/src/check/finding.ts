/**
 * One thing that `mailhost check` has to say.
 */
import { UserError } from "@mailhost/common/errors";

export interface Finding {
  /** An error keeps the host from its work, a warning does not. */
  readonly level: "ok" | "warning" | "error";
  /** What it concerns: `settings`, `tables`, `ports` … */
  readonly about: string;
  readonly text: string;
}

/** A fault that an administrator can mend becomes a finding; any other goes on its way. */
export function findingOf(about: string, error: unknown): Finding {
  if (error instanceof UserError) return { level: "error", about, text: error.message };
  throw error;
}
