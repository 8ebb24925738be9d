/**
 * The local mailer: hands messages, gathered to batches, to whoever writes the mailboxes of `var/spool/mail`.
 *
 * While one batch of a mailbox is being written, what arrives for it gathers and makes the next batch: one lock and one
 * fdatasync for all of it; see mailbox-gathering.ts for how long. Mailboxes do not wait for each other. Whatever keeps a message
 * out of its mailbox is temporary; only an account that no longer exists is not, and what goes past a mailbox's limit where the
 * settings say so.
 */
import { AccountsUnavailable } from "@mailhost/common/accounts/account-errors";
import type { Accounts } from "@mailhost/common/accounts/accounts";
import type { Clock } from "@mailhost/common/clock";
import type { SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import type { Site } from "@mailhost/common/site";
import { type Batch, MailboxBatches } from "./mailbox-batches.ts";
import type { Letter, MailboxLimit, MailboxWriter } from "./mailbox-order.ts";
import { deferred, LOCAL, outcomeOf } from "./mailbox-outcome.ts";
import type { MailboxQuota } from "./mailbox-quota.ts";
import { createMailboxWriter } from "./mailbox-writer.ts";
import type { Attempt, Mailer } from "./mailer.ts";
import type { Outcome } from "./outcome.ts";
import { letterName, mailboxPlace } from "./without-repeats.ts";

/** What the mailer works with. */
export interface LocalMailerParts {
  readonly site: Site;
  readonly accounts: Pick<Accounts, "lookUp">;
  /** How long another program's lock is waited for (ms). */
  readonly lockTimeout: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: mailboxes have no limit. */
  readonly quota?: MailboxQuota;
  /** Who writes mailboxes; absent: this thread does. */
  readonly openWriter?: () => MailboxWriter;
  /** Whether mail is on its way into the queue. Absent: nobody knows. */
  readonly isComing?: () => boolean;
}

/** Makes the mailer. */
export function createLocalMailer(parts: LocalMailerParts): Mailer {
  const writer = parts.openWriter?.() ?? createMailboxWriter(parts);
  const batches = new MailboxBatches<Letter, Outcome>({
    write: (batch, givePlaceUp) => writeBatch(batch, parts, writer, givePlaceUp),
    sizeOf: (letter) => letter.body.size,
    waits: (letter) => letter.body.letGo?.(),
    clock: parts.clock,
    ...(parts.isComing === undefined ? {} : { isComing: parts.isComing }),
  });
  return {
    name: LOCAL,
    deliver: (attempt) => deliver(attempt, batches),
    hurry: () => batches.hurry(),
    async close() {
      batches.hurry();
      await batches.idle();
      await writer.close();
    },
  };
}

/** Two recipients that end in one mailbox get one copy. */
function deliver(attempt: Attempt, batches: MailboxBatches<Letter, Outcome>): Promise<Outcome[]> {
  const { entry } = attempt;
  const [only, another] = attempt.recipients;
  if (only !== undefined && another === undefined && only.target.kind === "mailbox") {
    const { name } = only.target;
    return batches.add(name, letterFor(name, only.sender ?? entry.sender, attempt)).then(alone);
  }
  const copies = new Map<string, Promise<Outcome>>();
  const outcomes = attempt.recipients.map((recipient) => {
    if (recipient.target.kind === "error") {
      return Promise.resolve<Outcome>({ kind: "failed", relay: "", reply: recipient.target.reply });
    }
    if (recipient.target.kind !== "mailbox") {
      return Promise.resolve(deferred("4.3.5", "not a local recipient"));
    }
    const { name } = recipient.target;
    const copy =
      copies.get(name) ?? batches.add(name, letterFor(name, recipient.sender ?? entry.sender, attempt));
    copies.set(name, copy);
    return copy;
  });
  return Promise.all(outcomes);
}

function alone(outcome: Outcome): Outcome[] {
  return [outcome];
}

function letterFor(mailbox: string, sender: string, { entry, body }: Attempt): Letter {
  return { sender, receivedAt: entry.receivedAt, note: letterName(entry, mailboxPlace(mailbox)), body };
}

/** Has a batch written. Every message gets an outcome; nothing is thrown. */
async function writeBatch(
  { name, items }: Batch<Letter>,
  parts: LocalMailerParts,
  writer: MailboxWriter,
  givePlaceUp: () => void,
): Promise<Outcome[]> {
  const all = (outcome: Outcome) => items.map(() => outcome);
  const { site, accounts, lockTimeout, quota, log } = parts;
  try {
    const account = await accounts.lookUp(name);
    if (account === undefined) return all(unknownUser());
    const { uid } = account;
    const limit = quota === undefined ? undefined : limitNow(name, quota);
    const order = { paths: mailboxPaths(site, name), uid, lockTimeout, limit, letters: items };
    return await writer.write(order, givePlaceUp);
  } catch (error) {
    if (error instanceof AccountsUnavailable)
      return all(deferred("4.3.0", "accounts can not be looked up now"));
    return all(outcomeOf(error, log));
  }
}

function limitNow(name: string, quota: MailboxQuota): MailboxLimit | undefined {
  const octets = quota.limitOf(name);
  if (octets === 0) return undefined;
  const { action, warnAt, hostname } = quota;
  return { octets, isCertain: quota.isCertain?.() ?? true, action, warnAt, hostname };
}

function unknownUser(): Outcome {
  const reply: SmtpReply = { code: 550, enhanced: "5.1.1", text: "User unknown" };
  return { kind: "failed", relay: LOCAL, reply };
}
