/**
 * Recipients resolved over aliases, accounts and files that a test writes down.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import type { Account } from "@mailhost/common/accounts/accounts";
import { domainsOf } from "@mailhost/common/accounts/own-domains";
import { parseTargets } from "@mailhost/common/tables/alias-targets";
import type { AliasTable } from "@mailhost/common/tables/aliases";
import { formatReply } from "../../src/policy/reply.ts";
import { targetName } from "../../src/queue/queue-entry.ts";
import type { ListFiles, ListRead } from "../../src/recipients/list-files.ts";
import {
  type RecipientParts,
  type Resolved,
  type ResolvedRecipient,
  resolveRecipient,
} from "../../src/recipients/resolve.ts";
import { fakeTable } from "../policy/fake-policy.ts";

/** What a test says of its host. */
export interface FakeHost {
  /** Right-hand sides as in the file. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly accounts?: readonly (string | Account)[];
  /** Domains of ours besides ours.test and mail.ours.test. */
  readonly localDomains?: readonly string[];
  readonly virtusertable?: Readonly<Record<string, string>>;
  readonly virtualDomains?: readonly string[];
  readonly virtualEntire?: boolean;
  readonly mailertable?: Readonly<Record<string, string>>;
  readonly domaintable?: Readonly<Record<string, string>>;
  readonly routing?: RecipientParts["routing"];
  readonly local?: RecipientParts["local"];
  /** By path: the text, or what reading gives. */
  readonly files?: Readonly<Record<string, string | ListRead>>;
  readonly log?: string[];
  readonly steps?: string[];
}

/** An account whose home is `/users/NAME`. */
export function user(name: string, uid: number, shell = "/bin/sh"): Account {
  return { name, source: "system", uid, gid: uid, home: `/users/${name}`, shell };
}

export function fakeParts(host: FakeHost): RecipientParts {
  const accounts = new Map(
    (host.accounts ?? []).map((a) =>
      typeof a === "string" ? [a, { name: a, source: "file" as const }] : [a.name, a],
    ),
  );
  const ours = new Set(["ours.test", "mail.ours.test", ...(host.localDomains ?? [])]);
  const virtual = new Set(host.virtualDomains ?? []);
  return {
    aliases: aliasesOf(host.aliases ?? {}),
    accounts: {
      find: (name) => accounts.get(name.toLowerCase()),
      names: () => [...accounts.keys()],
      hasDomain: (domain) => domainsOf(accounts.keys()).has(domain),
    },
    hostname: "mail.ours.test",
    isLocalDomain: (domain) => ours.has(domain),
    virtusertable: fakeTable("virtusertable", host.virtusertable ?? {}),
    virtualDomains: { has: (domain) => virtual.has(domain) },
    virtualEntire: host.virtualEntire ?? false,
    mailertable: fakeTable("mailertable", host.mailertable ?? {}),
    domaintable: fakeTable("domaintable", host.domaintable ?? {}),
    routing: host.routing ?? {},
    local: { forwardPath: ["$z/.forward+$h", "$z/.forward"], ...host.local },
    lists: filesOf(host.files ?? {}),
    log: { write: (_level, line) => void host.log?.push(line), close: () => Promise.resolve() },
    onStep: ({ step, outcome }) => void host.steps?.push(`${step} ${outcome}`),
  };
}

export function aliasesOf(aliases: Readonly<Record<string, string>>): AliasTable {
  const targets = (text: string) => {
    const read = parseTargets(text);
    if (!read.ok) throw new Error(`${text}: ${read.reason}`);
    return read.targets;
  };
  return {
    file: "aliases",
    get: (name) => (Object.hasOwn(aliases, name) ? targets(aliases[name]!) : undefined),
    entries: () => Object.entries(aliases).map(([name, text]) => [name, targets(text)] as const),
  };
}

function filesOf(files: Readonly<Record<string, string | ListRead>>): ListFiles {
  return {
    read: (path) => {
      const file = Object.hasOwn(files, path) ? files[path]! : undefined;
      if (file === undefined) return Promise.resolve({ kind: "absent" });
      if (typeof file !== "string") return Promise.resolve(file);
      const uid = /^\/users\/(\w+)/.exec(dirname(path)) === null ? 0 : 2001;
      return Promise.resolve({ kind: "text", text: file, bytes: Buffer.byteLength(file), uid });
    },
    isLoginShell: (shell) => Promise.resolve(shell !== "/usr/sbin/nologin"),
    areAbsent: () => false,
  };
}

/** What an address becomes, a line each: `mailbox joe`, `remote x@y`, `program CMD as USER`, or the refusal. */
export async function resolveOn(host: FakeHost, address: string): Promise<string[]> {
  return described(await resolveRecipient(address, fakeParts(host)));
}

/** Checks what an address becomes, in whatever order. */
export async function same(found: Promise<readonly string[]>, expected: readonly string[]): Promise<void> {
  assert.deepEqual((await found).toSorted(), expected.toSorted());
}

export function described(resolved: Resolved): string[] {
  return resolved.kind === "refused" ? [formatReply(resolved.reply)] : resolved.recipients.map(describedOne);
}

function describedOne({ address, target, sender, ownsItself }: ResolvedRecipient): string {
  const from = sender === undefined ? "" : ` from ${sender}${ownsItself === true ? " itself" : ""}`;
  switch (target.kind) {
    case "mailbox":
      return `mailbox ${target.name}${target.detail === undefined ? "" : ` detail ${target.detail}`}${from}`;
    case "remote":
      return `remote ${address}${target.via === undefined ? "" : ` via ${target.via}`}${from}`;
    case "error":
      return `error ${formatReply(target.reply)}${from}`;
    default:
      return `${target.kind} ${targetName(target)} as ${target.as.user ?? "default"}${from}`;
  }
}
