/**
 * Checks that what is in the spool are mailboxes: something else than a message at the start of one is kept and shown to
 * nobody, and only a look from outside finds it.
 */
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import { reasonOf } from "../start/folders.ts";
import type { Finding } from "./finding.ts";

/** What every mbox begins with. */
const START = "From ";

/** Reads the first octets of every mailbox. */
export function checkMailboxes(site: Site): Finding[] {
  const about = "mailboxes";
  const paths = site.mailboxFolders().flatMap((folder) => filesIn(folder).map((name) => join(folder, name)));
  const findings = paths.flatMap((path): Finding[] => {
    try {
      const start = startOf(path);
      if (start === "" || start === START) return [];
      const text = `${path}: damaged: it begins with no message; what is before its first From line is kept and shown to nobody`;
      return [{ level: "warning", about, text }];
    } catch (error) {
      // Gone meanwhile, or readable for the daemons only, who say what they meet.
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "EACCES") return [];
      return [{ level: "error", about, text: `${path}: ${reasonOf(error)}` }];
    }
  });
  return findings.length > 0
    ? findings
    : [{ level: "ok", about, text: "each begins with a message or is empty" }];
}

/** Plain files that are no lock and no companion of one. */
function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith(".") && !entry.name.endsWith(".lock"))
      .map((entry) => entry.name);
  } catch {
    // A folder that is not there or not ours is the permissions' business.
    return [];
  }
}

function startOf(path: string): string {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(START.length);
    return bytes.toString("latin1", 0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}
