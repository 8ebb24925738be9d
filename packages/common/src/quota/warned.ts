/**
 * Where it is remembered that the owner of a mailbox was warned: an empty file by the mailbox's name.
 */
import { join } from "node:path";
import type { Site } from "../site.ts";

/** `var/lib/mailhost/quota-warned`. */
export function warnedFolder({ stateDir }: Pick<Site, "stateDir">): string {
  return join(stateDir, "quota-warned");
}

/** The file of a mailbox. */
export function warnedFile(site: Pick<Site, "stateDir">, name: string): string {
  return join(warnedFolder(site), name);
}
