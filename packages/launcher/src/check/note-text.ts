/**
 * A note on a Sendmail configuration, as a line for people.
 */
import type { Note } from "@mailhost/common/settings/sendmail/model";

/** A note as `check` and `build` show it. */
export function noteText({ file, line, text }: Note): string {
  return line > 0 ? `${file}:${line}: ${text}` : file === "" ? text : `${file}: ${text}`;
}
