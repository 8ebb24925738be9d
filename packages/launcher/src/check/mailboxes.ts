/**
 * Looks at every mailbox from outside: kind, owner, mode and first bytes, and what was left beside it. It costs a few calls
 * each; `popper --verify` reads one whole.
 */
import { errnoOf } from "@mailhost/common/errors";
import { mailboxNames } from "@mailhost/common/mbox/mailbox-layout";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import type { Site } from "@mailhost/common/site";
import { verifyMailbox } from "@mailhost/pop3/maildrop/verify";
import { reasonOf } from "../start/folders.ts";
import type { Finding } from "./finding.ts";

/** What keeps mail from being delivered and fetched. */
const ERRORS = new Set(["not-a-file", "names"]);

/**
 * Checks all mailboxes.
 *
 * @param uidOf the user id of a mailbox's owner, where it is known
 * @param daemon the user id that the daemons run as
 */
export async function checkMailboxes(
  site: Site,
  uidOf: (name: string) => number | undefined,
  daemon: number,
): Promise<Finding[]> {
  const about = "mailboxes";
  const findings: Finding[] = [];
  for (const name of mailboxNames(site)) {
    const paths = mailboxPaths(site, name);
    try {
      const uid = uidOf(name);
      const report = await verifyMailbox(paths, {
        site,
        quick: true,
        ...(uid !== undefined && { uid, daemon }),
      });
      for (const { level, code, text, advice } of report.findings) {
        // A lock is there whenever somebody is at work, and one who may not read it says nothing about it.
        if (level === "note" || code === "unreadable") continue;
        const state = code === "junk" ? "damaged: " : "";
        const what = state + (advice.startsWith("nothing") ? text : `${text}; ${advice}`);
        findings.push({
          level: ERRORS.has(code) ? "error" : "warning",
          about,
          text: `${paths.mbox}: ${what}`,
        });
      }
    } catch (error) {
      // Gone meanwhile, or readable for the daemons only, who say what they meet.
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "EACCES") continue;
      findings.push({ level: "error", about, text: `${paths.mbox}: ${reasonOf(error)}` });
    }
  }
  return findings.length > 0
    ? findings
    : [{ level: "ok", about, text: "each begins with a message or is empty" }];
}
