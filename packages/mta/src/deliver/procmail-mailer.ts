/**
 * The local mailer `procmail` (FEATURE local_procmail): one run of local.procmailCommand for each mailbox, with its exit code
 * as the outcome.
 *
 * As Sendmail's flags for it say (SPfhn9): a Return-Path header but no `From ` line, and `-f sender` in front of the other
 * arguments, from which procmail makes the line itself.
 */
import { statSync } from "node:fs";
import { splitAddress } from "@mailhost/common/address";
import { splitMailboxName } from "@mailhost/common/mbox/mailbox-name";
import type { LocalSettings } from "@mailhost/common/settings/sendmail-settings";
import type { QueueRecipient } from "../queue/queue-entry.ts";
import { commandWords } from "./command-words.ts";
import { actingParts } from "./controller.ts";
import { outcomeOfEnd } from "./exit-status.ts";
import { localText } from "./local-text.ts";
import type { Attempt } from "./mailer.ts";
import type { Outcome } from "./outcome.ts";
import { programEnvironment } from "./program-environment.ts";
import type { ProgramMailerParts } from "./program-mailer.ts";
import { runProgram } from "./program-runner.ts";

/** What the mailer works with. */
export interface ProcmailMailerParts extends Omit<ProgramMailerParts, "local"> {
  readonly local: Pick<LocalSettings, "procmailCommand" | "programTimeout" | "defaultUser">;
}

const MAILER = "local";
const SET_USER = 0o4000;

/** Hands a message to procmail for one mailbox. Never rejects for what procmail did. */
export async function deliverByProcmail(
  { entry, body }: Attempt,
  recipient: QueueRecipient,
  parts: ProcmailMailerParts,
): Promise<Outcome> {
  const name = mailboxOf(recipient);
  const sender = recipient.sender ?? entry.sender;
  const { domain } = splitMailboxName(name);
  const from = senderArgument(sender);
  const macros = { u: name, d: domain, h: detailOf(recipient), f: from, g: from };
  const [program, ...args] = commandWords(parts.local.procmailCommand, macros);
  if (program === undefined || !program.startsWith("/")) {
    return refused("local.procmailCommand names no program by its whole path");
  }
  const fault = rightsFault(program, name, parts);
  if (fault !== undefined) {
    parts.log.write("error", `${entry.id}: ${fault}`);
    return refused(fault);
  }
  const asked = args.includes("-f") || /\$[fg]/.test(parts.local.procmailCommand);
  const head = { sender, receivedAt: entry.receivedAt, fromLine: false, returnPath: true };
  const work = () =>
    runProgram({
      argv: [program, ...(asked ? [] : ["-f", senderArgument(sender)]), ...args],
      env: programEnvironment(undefined, {}),
      cwd: "/",
      input: localText(body, head),
      timeLimit: parts.local.programTimeout,
      clock: parts.clock,
      ...(parts.stop === undefined ? {} : { stop: parts.stop }),
    });
  // One at a time for a mailbox: a procmail that meets another's lock sleeps for eight seconds (its LOCKSLEEP).
  const end = await parts.slots.run(`procmail ${name}`, work, 1);
  return outcomeOfEnd(end, { mailer: MAILER, program });
}

/** `-d` makes procmail become the recipient, which root can, a setuid-root procmail, and the recipient itself. */
function rightsFault(program: string, name: string, parts: ProcmailMailerParts): string | undefined {
  const { uid, findUser } = actingParts(parts.site, parts.local.defaultUser);
  // A domain's user is no user of the system's: what the command makes of the name is the command's business.
  if (uid === 0 || findUser(name)?.uid === uid || splitMailboxName(name).domain !== "") return undefined;
  const found = statSync(program, { throwIfNoEntry: false });
  if (found === undefined || (found.uid === 0 && (found.mode & SET_USER) !== 0)) return undefined;
  return `${program} can deliver to ${name} only as root: set run: {user: root} in mailhost.yaml, or make it setuid root`;
}

/** `$u`: a domain's user by the whole address; `$d` is the domain, empty for plain accounts. */
export function mailboxOf({ target }: QueueRecipient): string {
  return target.kind === "mailbox" ? target.name : "";
}

/** `$h`: the +detail of the address, when the mailbox is the part before it. */
export function detailOf({ address, target }: QueueRecipient): string {
  const { localPart } = splitAddress(address);
  const plus = localPart.indexOf("+");
  if (plus < 0 || target.kind !== "mailbox" || target.name.includes("+")) return "";
  const { user } = splitMailboxName(target.name);
  return localPart.slice(0, plus).toLowerCase() === user ? localPart.slice(plus + 1) : "";
}

/** A sender as one argument: none that could be taken for an option. */
function senderArgument(sender: string): string {
  if (sender === "") return "MAILER-DAEMON";
  return sender.startsWith("-") ? `<${sender}>` : sender;
}

function refused(text: string): Outcome {
  return { kind: "deferred", relay: MAILER, reply: { code: 451, enhanced: "4.3.5", text } };
}
