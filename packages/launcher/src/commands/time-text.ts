/**
 * Times and durations on the command line of `mailhost bans` and `mailhost drac`.
 */
import { UserError } from "@mailhost/common/errors";
import { readDuration } from "@mailhost/common/settings/units";
import { EX_USAGE } from "@mailhost/common/sysexits";

/** `2026-11-27T09:00:00Z`. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/**
 * The duration that `--for` was given.
 *
 * @returns ms
 * @throws UserError when it is none
 */
export function durationOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const read = readDuration(text);
  if (!read.ok) throw new UserError(`--for: not ${read.expected}: ${text}`, EX_USAGE);
  if (read.value < 1) throw new UserError("--for: longer than nothing, please", EX_USAGE);
  return read.value;
}
