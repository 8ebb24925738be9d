/**
 * From a Sendmail control file to an entry of our queue: recipients are resolved by our tables, times and wishes are kept.
 */
import { joinAddress, splitAddress } from "@mailhost/common/address";
import { precedenceOf } from "./precedence.ts";
import {
  type MessageOrigin,
  type QueueEntry,
  type QueueRecipient,
  recipientKey,
  type Target,
} from "./queue-entry.ts";
import type { QfMessage, QfRecipient } from "./sendmail-qf.ts";

/** What an import asks of its host. */
export interface ImportParts {
  /** Where mail of a sender for an address goes; empty when nobody has it. Throws when that cannot be said now. */
  resolve(
    address: string,
    sender: string,
  ): Promise<readonly { readonly address: string; readonly target: Target }[]>;
  /** The number of a user of this system. */
  readonly uidOf: (name: string) => number | undefined;
  readonly hostname: string;
  /** ms since 1970. */
  readonly now: number;
}

/** Makes the entry; it is due now. Its size is set when its message has come in. */
export async function entryFromQf(id: string, qf: QfMessage, parts: ImportParts): Promise<QueueEntry> {
  const recipients = new Map<string, QueueRecipient>();
  for (const recipient of qf.recipients) {
    for (const one of await resolved(recipient, qf, parts)) {
      const key = recipientKey(one);
      if (!recipients.has(key)) recipients.set(key, one);
    }
  }
  const fields = headerValues(qf.header);
  const messageId = fields.find(({ name }) => name === "message-id")?.text.trim();
  const { envelopeId, dsnReturn, quarantine } = qf;
  return {
    id,
    sender: qf.sender === "" ? "" : withDomain(qf.sender, parts.hostname),
    recipients: [...recipients.values()],
    origin: originOf(qf),
    bodyType: qf.eightBit ? "8BITMIME" : "7BIT",
    smtputf8: false,
    ...(dsnReturn === undefined ? {} : { dsnReturn }),
    ...(envelopeId === undefined ? {} : { envelopeId }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(qf.isReport ? { isReport: true } : {}),
    ...(quarantine === undefined ? {} : { quarantine }),
    ...precedenceOf({ values: fields }),
    receivedAt: qf.receivedAt === 0 ? parts.now : qf.receivedAt,
    size: 0,
    attempts: qf.attempts,
    lastAttemptAt: qf.lastAttemptAt,
    nextAttemptAt: parts.now,
    warnedAt: qf.warned ? Math.max(qf.lastAttemptAt, 1) : 0,
  };
}

async function resolved(
  { address, notify, originalRecipient, finalRecipient, controller }: QfRecipient,
  qf: QfMessage,
  parts: ImportParts,
): Promise<QueueRecipient[]> {
  const alias = controller?.alias ?? controller?.user;
  const wishes = {
    ...(notify === undefined ? {} : { notify }),
    ...(originalRecipient === undefined ? {} : { originalRecipient }),
    ...(finalRecipient === undefined || finalRecipient === address ? {} : { givenAs: finalRecipient }),
    ...(alias === undefined ? {} : { controlling: `<${withDomain(alias, parts.hostname)}>` }),
    ...(qf.attempts === 0 ? {} : { attempts: qf.attempts }),
    state: "pending" as const,
    ...(qf.reason === undefined
      ? {}
      : { lastReply: { code: 451, enhanced: "4.0.0", text: qf.reason.replace(/^Deferred: /, "") } }),
  };
  const as = { name: controller?.alias ?? controller?.user ?? "", ...userOf(controller, parts) };
  if (address.startsWith("|")) {
    const command = address.slice(1).replace(/^"(.*)"$/s, "$1");
    return [{ ...wishes, address: alias ?? "", target: { kind: "program", command, as } }];
  }
  if (address.startsWith("/")) {
    return [{ ...wishes, address: alias ?? "", target: { kind: "file", path: address, as } }];
  }
  // The .forward that said `\joe` has been followed: to follow it again would send its other addresses a second copy.
  const kept = /^\\([^@+\s]+)$/.exec(address)?.[1]?.toLowerCase();
  if (kept !== undefined) {
    const target = { kind: "mailbox", name: kept } as const;
    return [{ ...wishes, address: `${kept}@${parts.hostname}`, target }];
  }
  const plain = address.replace(/^\\/, "");
  const found = await parts.resolve(plain, qf.sender);
  if (found.length > 0) return found.map((one) => ({ ...wishes, ...one }));
  // Nobody of that name: the attempt says so, and the sender gets its report.
  const { localPart, domain } = splitAddress(withDomain(plain, parts.hostname));
  const isOurs = domain === "" || domain.toLowerCase() === parts.hostname.toLowerCase();
  const target: Target = isOurs ? { kind: "mailbox", name: localPart } : { kind: "remote", domain };
  return [{ ...wishes, address: joinAddress({ localPart, domain }), target }];
}

/** Whose `.forward` it was; nobody's where an alias has the name and DefaultUser the number. */
function userOf(
  controller: QfRecipient["controller"],
  { uidOf }: ImportParts,
): { user?: string; uid?: number } {
  if (controller === undefined || controller.user === "") return {};
  const uid = uidOf(controller.user);
  if (uid === undefined || (controller.uid !== undefined && controller.uid !== uid)) return {};
  return { user: controller.user, uid };
}

/** `$_` is `user@localhost` for mail of this host's own users, else `host [ip]`. */
function originOf({ relay, protocol, helo }: QfMessage): MessageOrigin {
  const client = /^(?:(\S+) )?\[(?:IPv6:)?([0-9A-Fa-f.:]+)\]/.exec(relay);
  if (client === null) {
    return {
      ip: "127.0.0.1",
      hostname: "localhost",
      helo: "",
      protocol: "local",
      user: relay.split("@")[0] || "root",
    };
  }
  const [, name = "", ip = ""] = client;
  return { ip, hostname: name, helo, protocol: protocol === "" ? "SMTP" : protocol };
}

function withDomain(address: string, hostname: string): string {
  return splitAddress(address).domain === "" ? `${address}@${hostname}` : address;
}

/** Fields that a message is known by, names in lower case. */
function headerValues(header: string): { name: string; text: string }[] {
  return [...header.matchAll(/^(Message-Id|Precedence):((?:[^\r\n]|\r\n[ \t])*)/gim)].map((match) => ({
    name: match[1]!.toLowerCase(),
    text: match[2]!,
  }));
}
