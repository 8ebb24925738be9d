/**
 * The work under way on one recipient: what was found, what was seen, and the bounds that keep a list from filling memory.
 */
import type { Account } from "@mailhost/common/accounts/accounts";
import { domainKey, joinAddress, splitAddress } from "@mailhost/common/address";
import type { SmtpReply } from "@mailhost/common/errors";
import { reply } from "../policy/reply.ts";
import { type Controller, type Target, targetName } from "../queue/queue-entry.ts";
import {
  defaultAccount,
  MAX_ALIAS_DEPTH,
  type RecipientParts,
  type ResolvedRecipient,
} from "./recipient-parts.ts";

/** Most addresses that one recipient may become. */
export const MAX_TARGETS = 10_000;

/** Octets of all the lists that one recipient may read. */
export const MAX_LIST_BYTES = 4 * 1024 * 1024;

/** Octets of one file that a user, and not the administrator, names: reading it keeps everybody else waiting. */
export const MAX_USER_FILE_BYTES = 512 * 1024;

/** How an item was come to. */
export interface Way {
  /** Names and lists that led here, each `alias NAME`, `forward USER` or `include PATH`. */
  readonly path: readonly string[];
  /** The item as it was written in the list; the whole address for what the client gave. */
  readonly written: string;
  /** Set on what the client gave, and on what virtusertable made of it: replies name this address. */
  readonly given?: string;
  /** On whose behalf programs are run from here on; absent: local.defaultUser. */
  readonly owner?: Account;
  /** Why programs and files may not be used from here on. */
  readonly unsafe?: string;
  /** The name or list that this item stands in. */
  readonly controlling?: string;
  /** The envelope sender of the nearest list with an owner. */
  readonly envelope?: Pick<ResolvedRecipient, "sender" | "senderUser" | "ownsItself">;
}

/** A part of the recipient that cannot be delivered. */
interface Fault {
  readonly address: string;
  readonly reply: SmtpReply;
  readonly way: Way;
}

/** The state of one expansion. */
export class Expansion {
  readonly parts: RecipientParts;
  /** Results by target, so that nobody gets two copies. */
  readonly found = new Map<string, ResolvedRecipient>();
  /** What was already expanded: a second mention adds nothing. */
  get seen(): Set<string> {
    this.#seen ??= new Set();
    return this.#seen;
  }
  /** Parts that cannot be delivered; the others are. */
  readonly faults: Fault[] = [];
  /** Ends everything: the list cannot be used at all, now or ever. */
  broken: SmtpReply | undefined;
  /** Lists led back to themselves so often; see forward-step.ts. */
  selfReferences = 0;
  #seen: Set<string> | undefined;
  #selfAdded = 0;
  #bytes = 0;

  constructor(parts: RecipientParts) {
    this.parts = parts;
  }

  /** How much has come of it so far: a list that adds nothing leaves it as it is. */
  get yielded(): number {
    return this.found.size + this.faults.length + (this.#seen?.size ?? 0) - this.#selfAdded;
  }

  step(step: string, outcome: string): void {
    this.parts.onStep?.({ step, outcome });
  }

  /** @returns false when the item is deeper than MaxAliasRecursion allows */
  mayGoOn({ path }: Way): boolean {
    if (this.broken !== undefined) return false;
    const most = this.parts.local?.maxAliasRecursion ?? MAX_ALIAS_DEPTH;
    if (path.length <= most) return true;
    this.broken = reply(
      554,
      "5.4.6",
      `aliasing/forwarding loop broken (${path.length} aliases deep; ${most} max)`,
    );
    return false;
  }

  breakLoop(): void {
    this.broken ??= reply(554, "5.4.6", "aliasing/forwarding loop broken");
  }

  /** Counts what was read of a list. @returns false when it is too much */
  countBytes(bytes: number): boolean {
    this.#bytes += bytes;
    if (this.#bytes > MAX_LIST_BYTES) {
      this.broken ??= reply(554, "5.4.6", `Lists hold more than ${MAX_LIST_BYTES} octets`);
    }
    return this.broken === undefined;
  }

  /** Octets that may still be read. */
  get bytesLeft(): number {
    return Math.max(0, MAX_LIST_BYTES - this.#bytes);
  }

  /** Notes that an item cannot be delivered: `item... text`, with the brackets when the client gave it. */
  fail(way: Way, code: number, enhanced: string, text: string): void {
    this.failAbout(way, reply(code, enhanced, text));
  }

  /** Notes a table's or a setting's refusal; the text of a 551 stands alone, as Sendmail's does. */
  failAbout(way: Way, answer: SmtpReply): void {
    const subject = way.given === undefined ? way.written : `<${way.given}>`;
    this.failWith(way, answer.code === 551 ? answer : { ...answer, text: `${subject}... ${answer.text}` });
  }

  failWith(way: Way, answer: SmtpReply): void {
    if (this.faults.length >= MAX_TARGETS) this.#tooMany();
    else this.faults.push({ address: this.#complete(way.given ?? way.written), reply: answer, way });
  }

  addMailbox(account: Account, way: Way, detail: string | undefined): void {
    const { given } = way;
    // The account of a domain has an address for its name.
    const own =
      splitAddress(account.name).domain === "" ? `${account.name}@${this.parts.hostname}` : account.name;
    const address = given?.includes("@") === true ? given : own;
    const { name } = account;
    const target: Target =
      detail === undefined ? { kind: "mailbox", name } : { kind: "mailbox", name, detail };
    this.#add(`mailbox ${account.name}+${detail ?? ""}`, address, target, way);
  }

  /** A list has led back to an account on the way: it is delivered there, which is nothing new of the list. */
  addSelf(account: Account, way: Way, detail: string | undefined): void {
    const before = this.found.size;
    // `bob: bob, carol` is still the bob that was asked for.
    const { controlling: _, ...alone } = way;
    this.addMailbox(account, way.path.length === 1 ? alone : way, detail);
    this.selfReferences++;
    this.#selfAdded += this.found.size - before;
  }

  addRemote(address: string, way: Way, via?: string): void {
    const { localPart, domain } = splitAddress(address);
    const key = domainKey(domain);
    const target: Target = { kind: "remote", domain: key, ...(via === undefined ? {} : { via }) };
    this.#add(`remote ${localPart}@${key}`, joinAddress({ localPart, domain }), target, way);
  }

  addLocalSpecial(kind: "program" | "file", what: string, way: Way): void {
    const account = way.owner ?? defaultAccount(this.parts);
    const as: Controller = {
      ...(way.owner === undefined ? {} : { user: way.owner.name }),
      ...(account?.uid === undefined ? {} : { uid: account.uid }),
      ...(account?.gid === undefined ? {} : { gid: account.gid }),
      name: way.controlling ?? way.written,
    };
    const target: Target = kind === "program" ? { kind, command: what, as } : { kind, path: what, as };
    // The controlling address of an alias is in brackets, as the log has it; an address has none.
    const address = (way.controlling ?? targetName(target)).replace(/^<(.*)>$/, "$1");
    this.#add(`${kind} ${what} ${as.user ?? ""}`, address, target, way);
  }

  /** The faults as recipients: each ends in a report to the sender, or to the list's owner. */
  faultRecipients(): ResolvedRecipient[] {
    return this.faults.map(({ address, reply: answer, way }) => ({
      address,
      target: { kind: "error", reply: answer },
      ...envelopeOf(way),
    }));
  }

  #add(key: string, address: string, target: Target, way: Way): void {
    if (this.found.has(key)) return;
    if (this.found.size >= MAX_TARGETS) this.#tooMany();
    else {
      const whole = this.#complete(address);
      if (way.controlling === undefined && way.envelope === undefined) {
        this.found.set(key, { address: whole, target });
        return;
      }
      const plain = target.kind === "mailbox" ? target.name : address;
      const isSpecial = target.kind === "program" || target.kind === "file";
      const written =
        way.controlling === undefined || isSpecial || way.written === plain
          ? {}
          : { writtenAs: way.written.replaceAll("\\", "\\\\") };
      this.found.set(key, { address: whole, target, ...envelopeOf(way), ...written });
    }
  }

  #tooMany(): void {
    this.broken ??= reply(554, "5.4.6", `Alias has more than ${MAX_TARGETS} addresses`);
  }

  #complete(address: string): string {
    return splitAddress(address).domain === "" ? `${address}@${this.parts.hostname}` : address;
  }
}

function envelopeOf({
  envelope,
  controlling,
}: Way): Pick<ResolvedRecipient, "sender" | "senderUser" | "ownsItself" | "controlling"> {
  return {
    ...envelope,
    ...(controlling === undefined ? {} : { controlling }),
  };
}
