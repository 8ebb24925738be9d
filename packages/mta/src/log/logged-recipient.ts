/**
 * A recipient in the log: how its address is written, on whose behalf it gets the message, and where that goes.
 */
import {
  isProgramOrFile,
  type QueueEntry,
  type QueueRecipient,
  writtenTarget,
} from "../queue/queue-entry.ts";

/** `<c@d>` as it was given; what an alias led to bare, a mailbox by its name, `"|command"`, `/file`. */
export function loggedAddress({ address, target, controlling, givenAs, writtenAs }: QueueRecipient): string {
  // Sendmail's log writes a backslash as two.
  if (isProgramOrFile(target)) return writtenTarget(target).replaceAll("\\", "\\\\");
  if (controlling === undefined) return `<${givenAs ?? address}>`;
  return writtenAs ?? (target.kind === "mailbox" ? target.name : address);
}

/**
 * `ctladdr=<joe@us> (1000/1000)`: for programs and files the alias that led there and as whom we run, else the sender (or the
 * list's owner) where that is a user of ours.
 */
export function controllingOf(recipient: QueueRecipient, entry: Pick<QueueEntry, "senderUser">): string[] {
  const { controlling, target, sender } = recipient;
  if (controlling !== undefined && (target.kind === "program" || target.kind === "file")) {
    // Sendmail knows no group of local.defaultUser.
    const { user, uid = process.getuid?.() ?? 0, gid = process.getgid?.() ?? 0 } = target.as;
    return [`ctladdr=${controlling} (${uid}/${user === undefined ? 0 : gid})`];
  }
  const user = sender === undefined ? entry.senderUser : recipient.senderUser;
  return user === undefined ? [] : [`ctladdr=${user}`];
}

/** `relay=host [ip]`; for a mailbox what follows its `+`, and nothing where there is none. */
export function relayField({ target }: QueueRecipient, relay: string): string[] {
  const shown = target.kind === "remote" ? relay : target.kind === "mailbox" ? (target.detail ?? "") : "";
  return shown === "" ? [] : [`relay=${shown}`];
}

/** Sendmail's name of the mailer. */
export function mailerOf({ target }: QueueRecipient, remote = "esmtp"): string {
  if (target.kind === "program") return "prog";
  if (target.kind === "file") return "*file*";
  if (target.kind === "error") return "error";
  return target.kind === "mailbox" ? "local" : remote;
}
