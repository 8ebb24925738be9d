/**
 * What the system says of a failed call, in the words that its own commands use.
 */
import { getSystemErrorMap } from "node:util";
import { messageOf, UserError } from "@mailhost/common/errors";

/** As perror(3) words it; anything else by its own message. */
export function systemMessage(error: unknown): string {
  if (error instanceof UserError) return error.message;
  const { errno } = error as NodeJS.ErrnoException;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return known === undefined ? messageOf(error) : known.charAt(0).toUpperCase() + known.slice(1);
}
