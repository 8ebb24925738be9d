/**
 * One message in the queue: its envelope, where it stands, and each recipient's state. The message's own bytes are
 * kept apart (see message-body.ts) and never change after they were accepted.
 */
import type { SmtpReply } from "@mailhost/common/errors";

/** Delivery reports that a sender asked for (RFC 3461 section 4.1). */
export type NotifyWhen = "NEVER" | "SUCCESS" | "FAILURE" | "DELAY";

/** Where a recipient's mail goes, decided once, when the message was accepted. */
export type Target =
  /** A mailbox of ours: `var/spool/mail/NAME`. */
  | {
      readonly kind: "mailbox";
      readonly name: string;
      /** What follows the `+` of `name+detail`: `$h` of the delivery agent. */
      readonly detail?: string;
    }
  /** Another host, found by the domain of the recipient's address, or by `via` in its place. */
  | {
      readonly kind: "remote";
      readonly domain: string;
      /** A host that was named by a table or a setting when the message was accepted, as Sendmail writes it: `esmtp:[host]:port`. */
      readonly via?: string;
    }
  /** A program that an alias or a `.forward` names; the message is its standard input. */
  | { readonly kind: "program"; readonly command: string; readonly as: Controller }
  /** A file that an alias or a `.forward` names; the message is appended in mbox form. */
  | { readonly kind: "file"; readonly path: string; readonly as: Controller }
  /** Nobody: a member of a list that cannot be delivered. The reply is what its report says (Sendmail's mailer `error`). */
  | { readonly kind: "error"; readonly reply: SmtpReply };

/** On whose behalf a program is run or a file is written: the owner of the `.forward`, else DefaultUser. */
export interface Controller {
  /** The user's name; absent: local.defaultUser. */
  readonly user?: string;
  /** Whose these are, for the log (`ctladdr=NAME (8/12)`); absent where nobody knows. */
  readonly uid?: number;
  readonly gid?: number;
  /** The local name that led here (Sendmail's `$u` and, for `ctladdr=`, the controlling address). */
  readonly name: string;
}

/** A recipient of a queued message. */
export interface QueueRecipient {
  /** The envelope address that is delivered to, after aliases. */
  readonly address: string;
  readonly target: Target;
  /** The envelope sender for this recipient when it is not the message's: `owner-list` of the list that led to it. */
  readonly sender?: string;
  /** Whose address `sender` is, see {@link NewMessage.senderUser}. */
  readonly senderUser?: string;
  /** The alias or list that led to it, in angle brackets and as it was written (`ctladdr=` of the log). */
  readonly controlling?: string;
  /** How the alias or list has it (`bob@us`, `\\bob`), where the log does not tell from the target. */
  readonly writtenAs?: string;
  /** ORCPT as given, decoded (`rfc822;a@b`). */
  readonly originalRecipient?: string;
  /** The address as RCPT or the command line gave it, where that is another one. */
  readonly givenAs?: string;
  /** NOTIFY as given; absent: failures, and delays at our own choice. */
  readonly notify?: readonly NotifyWhen[];
  state: "pending" | "delivered" | "failed";
  /** The last reply that concerned it, and from where. */
  lastReply?: SmtpReply;
  lastRelay?: string;
  remoteMta?: string;
  transcript?: readonly string[];
  /** True once a next host that offers DSN has taken over the notices. */
  dsnRelayed?: boolean;
  /** Attempts so far. */
  attempts?: number;
  /** When it is due (ms since 1970); absent: with its message. */
  dueAt?: number;
  /** An administrator asked for an attempt (`mailhost queue run`): it is made whatever the destination waits for. */
  forced?: true;
  /** It was given up for its age; the last reply is a temporary one. */
  expired?: true;
}

/** An alias that led to several recipients, when its sender wants to hear of success (RFC 3461 section 5.2.7). */
export interface ExpandedAddress {
  /** As it was given. */
  readonly address: string;
  readonly originalRecipient?: string;
  /** It has an owner: to hand it the message is to have delivered it. */
  readonly isList?: true;
}

/** Where a message came from. */
export interface MessageOrigin {
  /** Client address, `127.0.0.1` for the `sendmail` command. */
  readonly ip: string;
  /** Client name by reverse look-up; empty when there is none. */
  readonly hostname: string;
  /** The name it gave with HELO/EHLO; empty for the `sendmail` command. */
  readonly helo: string;
  /** `SMTP`, `ESMTP`, `ESMTPS`, `ESMTPSA`, `UTF8SMTP` … (RFC 3848, RFC 6531), or `local`. */
  readonly protocol: string;
  /** Authenticated user, or the local user that ran `sendmail`. */
  readonly user?: string;
}

/** What is known of a message before it has an id. */
export interface NewMessage {
  /** Envelope sender, empty for `<>`. */
  readonly sender: string;
  /** The user of ours that the sender is, as the log tells it: `<joe@us> (1000/1000)`. */
  readonly senderUser?: string;
  readonly recipients: readonly QueueRecipient[];
  readonly origin: MessageOrigin;
  readonly bodyType: "7BIT" | "8BITMIME";
  readonly smtputf8: boolean;
  /** RET of RFC 3461. */
  readonly dsnReturn?: "FULL" | "HDRS";
  /** ENVID of RFC 3461, decoded. */
  readonly envelopeId?: string;
  /** Who sent it first, as a client said with AUTH= that had logged in (RFC 4954 section 5); empty: not known. */
  readonly authSender?: string;
  /** The Message-ID header with its brackets, for the log. */
  readonly messageId?: string;
  /** The header is worth a report: false for mail that must never be answered. */
  readonly isReport?: boolean;
  /** The size that Sendmail's log tells: LF line ends, our trace header not counted. */
  readonly countedSize?: number;
  /** It waits for this time (ms since 1970) before it is tried; absent: it is tried at once. */
  readonly firstAttemptAt?: number;
  /** Aliases of which the sender is to be told; gone once that is done. */
  readonly expanded?: readonly ExpandedAddress[];
  /** It tells postmaster of a report that could not be returned: its own failure ends in the log. */
  readonly isDoubleBounce?: true;
  /** The client named the body type (`bodytype=` of the log). */
  readonly bodyTypeGiven?: true;
  /** Sendmail's class by the Precedence field, absent for 0 (see precedence.ts). */
  readonly precedence?: number;
  /** The drop file that it came from: the commit that queues it also notes that the file is done with. */
  readonly drop?: string;
  /** Accepted, but held: an access entry said `QUARANTINE:` and this is its reason. The store sets `held` from it. */
  readonly quarantine?: string;
}

/** A message in the queue. */
export interface QueueEntry extends NewMessage {
  /** See queue-id.ts. */
  readonly id: string;
  /** When it was accepted (ms since 1970). */
  readonly receivedAt: number;
  /** Octets of the message, CRLF line ends, as it is relayed. */
  readonly size: number;
  readonly recipients: QueueRecipient[];
  /** Attempts so far, of the recipient with the most. */
  attempts: number;
  /** ms since 1970; 0 before the first. */
  lastAttemptAt: number;
  /** When the first of its recipients is due. */
  nextAttemptAt: number;
  /** When the sender was warned of the delay; 0 if never. */
  warnedAt: number;
  expanded?: readonly ExpandedAddress[];
  /** Why an administrator keeps it back; absent when it is free. */
  held?: string;
  /** Why it is in quarantine (access `QUARANTINE:`, `sendmail -Q`); absent when it is not. */
  quarantine?: string;
}

/** True for what waits for a person: it is never due. */
export function isKeptBack(entry: Pick<QueueEntry, "held" | "quarantine">): boolean {
  return entry.held !== undefined || entry.quarantine !== undefined;
}

/** True for what is delivered on this host. */
export function isLocalTarget({ kind }: Target): boolean {
  return kind !== "remote";
}

/** True for what runs or writes on somebody's behalf (Sendmail's mailers prog and *file*). */
export function isProgramOrFile({ kind }: Target): boolean {
  return kind === "program" || kind === "file";
}

/** Where a target is, in one word for lists: a mailbox's name, a host, `|command`, a path. */
export function targetName(target: Target): string {
  switch (target.kind) {
    case "mailbox":
      return target.name;
    case "remote":
      return target.via ?? target.domain;
    case "program":
      return `|${target.command}`;
    case "file":
      return target.path;
    case "error":
      return target.reply.text;
  }
}

/** A program or a file as an alias has it: in quotes where there are blanks or signs that separate addresses. */
export function writtenTarget(target: Target): string {
  const name = targetName(target);
  return target.kind === "program" && /[\s"(),:;<>@[\]]/.test(name)
    ? `"${name.replace(/["\\]/g, "\\$&")}"`
    : name;
}

/**
 * What makes two recipients one: the same mailbox and detail, the same address elsewhere, the same program or file of the
 * same user. Two users' `"|procmail"` are two.
 */
export function recipientKey({ address, target }: Pick<QueueRecipient, "address" | "target">): string {
  switch (target.kind) {
    case "remote": {
      // The local part keeps its case, the domain has none.
      const at = address.lastIndexOf("@");
      return `remote ${address.slice(0, at)}@${address.slice(at + 1).toLowerCase()}`;
    }
    case "mailbox":
      return `mailbox ${target.name}${target.detail === undefined ? "" : `+${target.detail}`}`;
    case "program":
    case "file":
      return `${target.kind} ${target.as.user ?? ""} ${targetName(target)}`;
    case "error":
      return `error ${address} ${target.reply.text}`;
  }
}
