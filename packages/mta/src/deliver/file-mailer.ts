/**
 * The mailer `*file*`: `/path` of an alias or a `.forward`, to which the message is appended in mbox form.
 *
 * Written by ourselves where the file's controller is who we are, else by a process that has become the controller: no
 * file is ever written with root's rights.
 */
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "@mailhost/common/clock";
import type { Log } from "@mailhost/common/log/log";
import { mailboxAt } from "@mailhost/common/mbox/mailbox-layout";
import { journalFolder, mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import type { LocalSettings } from "@mailhost/common/settings/sendmail-settings";
import type { Site } from "@mailhost/common/site";
import { EX_CANTCREAT, EX_OK, EX_TEMPFAIL } from "@mailhost/common/sysexits";
import type { QueueRecipient, Target } from "../queue/queue-entry.ts";
import { actingFor, actingParts } from "./controller.ts";
import { outcomeOfEnd } from "./exit-status.ts";
import { type AppendFault, appendToFile } from "./file-append.ts";
import type { Attempt } from "./mailer.ts";
import type { Outcome } from "./outcome.ts";
import { programEnvironment } from "./program-environment.ts";
import { runProgram } from "./program-runner.ts";
import type { WorkSlots } from "./work-slots.ts";

/** What the mailer works with. */
export interface FileMailerParts {
  readonly site: Site;
  readonly local: Pick<LocalSettings, "programTimeout" | "defaultUser">;
  readonly slots: WorkSlots;
  /** How long another program's lock is waited for (ms). */
  readonly lockTimeout: number;
  readonly clock: Clock;
  readonly log: Log;
}

const MAILER = "*file*";

/** Appends to a recipient's file once. Never rejects for what the disk or a lock did. */
export async function deliverToFile(
  attempt: Attempt,
  recipient: QueueRecipient,
  parts: FileMailerParts,
): Promise<Outcome> {
  const { path, as } = recipient.target as Extract<Target, { kind: "file" }>;
  if (path === "/dev/null") return delivered();
  const acting = actingFor(as, actingParts(parts.site, parts.local.defaultUser));
  if (acting.kind === "refused") {
    parts.log.write("error", `${attempt.entry.id}: ${path}: ${acting.reply.text}`);
    return { kind: "deferred", relay: MAILER, reply: acting.reply };
  }
  const { entry, body } = attempt;
  const message = {
    sender: recipient.sender ?? entry.sender,
    receivedAt: entry.receivedAt,
    stream: () => body.stream(),
  };
  const { lockTimeout, clock, log } = parts;
  if (acting.become !== undefined) {
    return parts.slots.run(path, () => appendAs(acting.become!, { path, message }, attempt, parts));
  }
  const journal = journalOf(path, parts.site);
  // What a killed predecessor was writing is free at once, as mailboxes are.
  const startedAt = clock.now() - process.uptime() * 1000;
  const fault = await appendToFile({ path, message, ...journal, lockTimeout, startedAt, clock, log });
  return outcomeFor(fault, attempt, parts);
}

/** A mailbox of ours has one journal, whoever appends to it: what one leaves half done the next of any kind mends. */
function journalOf(path: string, site: Site): { readonly journalFolder: string; readonly journal?: string } {
  const name = mailboxAt(site, path);
  return name !== undefined
    ? { journalFolder: journalFolder(site), journal: mailboxPaths(site, name).journal }
    : { journalFolder: join(site.stateDir, "file-journal") };
}

/** Has a process of the controller's append. */
async function appendAs(
  as: { readonly uid: number; readonly gid: number },
  { path, message }: { path: string; message: { sender: string; receivedAt: number } },
  attempt: Attempt,
  parts: FileMailerParts,
): Promise<Outcome> {
  const { size } = attempt.body;
  const facts = [path, String(parts.lockTimeout), String(message.receivedAt), String(size), message.sender];
  const end = await runProgram({
    argv: [process.execPath, ...process.execArgv, appender(), ...facts],
    env: programEnvironment(undefined, {}),
    // What Node was told to load beside the program is found from here.
    cwd: dirname(appender()),
    as,
    input: attempt.body.stream(),
    timeLimit: parts.local.programTimeout + parts.lockTimeout,
    clock: parts.clock,
  });
  if (end.kind !== "exit") return outcomeOfEnd(end, { mailer: MAILER, program: path });
  const reason = end.output.trim();
  switch (end.code) {
    case EX_OK:
      return delivered();
    case EX_CANTCREAT:
      return outcomeFor({ kind: "refused", reason }, attempt, parts);
    case EX_TEMPFAIL:
      return outcomeFor({ kind: "later", reason }, attempt, parts);
    default:
      // Not our own program's last words: it did not come so far.
      return outcomeFor({ kind: "later", reason: `${path}: ${reason.slice(-500)}` }, attempt, parts);
  }
}

/** The appending program beside this file, in the form in which this file runs. */
function appender(): string {
  const here = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(`./file-append-main${extname(here)}`, import.meta.url));
}

function outcomeFor(fault: AppendFault | undefined, { entry }: Attempt, { log }: FileMailerParts): Outcome {
  if (fault === undefined) return delivered();
  log.write(fault.kind === "refused" ? "error" : "warn", `${entry.id}: *file*: ${fault.reason}`);
  if (fault.kind === "later") {
    return { kind: "deferred", relay: MAILER, reply: { code: 451, enhanced: "4.2.0", text: fault.reason } };
  }
  return {
    kind: "failed",
    relay: MAILER,
    reply: { code: 550, enhanced: "5.0.0", text: "Can't create output" },
    transcript: [fault.reason],
  };
}

function delivered(): Outcome {
  return {
    kind: "delivered",
    relay: MAILER,
    reply: { code: 250, enhanced: "2.0.0", text: "Sent" },
    dsnRelayed: false,
  };
}
