/**
 * Looks for messages that wait where nobody takes them: those that were set aside, and those of a Sendmail that ran here.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Site, sitePath } from "@mailhost/common/site";
import type { Finding } from "./finding.ts";

/** Sendmail's queue, and those of its submission program on Debian and elsewhere; each may have folders for its kinds of files. */
const SENDMAIL_QUEUES = ["var/spool/mqueue", "var/spool/mqueue-client", "var/spool/clientmqueue"];
/** A control file of Sendmail's, of a message that waits or is in quarantine. */
const CONTROL_FILE = /^[hq]f[0-9A-Za-z]{8,}$/;

/** Findings on messages; none when there are none. */
export function checkWaitingMessages(site: Site): Finding[] {
  return [...setAside(site), ...ofSendmail(site)];
}

function setAside({ dropDir, logFile }: Site): Finding[] {
  const names = namesIn(dropDir).filter((name) => name.startsWith("bad-"));
  if (names.length === 0) return [];
  const shown = names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "");
  const text = `${dropDir}: ${count(names.length)} of local users could not be queued (${shown}): ${logFile} says why; mend or remove them`;
  return [{ level: "warning", about: "queue", text }];
}

function ofSendmail(site: Site): Finding[] {
  const root = site.root === "/" ? "" : ` --root ${site.root}`;
  return SENDMAIL_QUEUES.map((path) => sitePath(site, path)).flatMap((folder): Finding[] => {
    const files = new Set(
      [folder, join(folder, "qf")].flatMap((path) => namesIn(path)).filter((n) => CONTROL_FILE.test(n)),
    );
    if (files.size === 0) return [];
    const text = `${folder}: ${count(files.size)} of Sendmail's waiting: stop Sendmail, then mailhost queue import${root} ${folder}`;
    return [{ level: "warning", about: "queue", text }];
  });
}

function count(n: number): string {
  return `${n} message${n === 1 ? "" : "s"}`;
}

/** The names in a folder; none where it is not there or not ours to read, which is the permissions' business. */
function namesIn(folder: string): string[] {
  try {
    return existsSync(folder) ? readdirSync(folder) : [];
  } catch {
    return [];
  }
}
