/**
 * What the log says of the settings at each start and reload.
 */
import type { Log } from "@mailhost/common/log/log";
import type { LoadedSettings } from "@mailhost/common/settings/load";
import { noteText } from "../check/note-text.ts";

/** Says which file rules, and each thing in a sendmail.cf or Qpopper file that is not carried over. */
export function logSettingsNotes({ source, notes, ignored }: LoadedSettings, log: Log): void {
  if (source !== undefined) log.write("info", `settings from ${source}`);
  if (ignored !== undefined) log.write("info", `${ignored} is not read, as ${source} is there`);
  for (const note of notes)
    log.write(note.harmless === true ? "info" : "warn", `settings: ${noteText(note)}`);
}
