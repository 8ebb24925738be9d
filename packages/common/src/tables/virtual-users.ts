/**
 * virtusertable: what an address at one of our domains stands for.
 *
 * The order is that of Sendmail's rules: `user+detail@domain`, `user++@domain` (when there is a detail), `user+*@domain`,
 * `user@domain`, then `++@domain`, `+*@domain`, `@domain`. In a value `%1` is the user, `%2` the detail, `%3` the detail
 * with its plus; in the value of the whole address `%1` is the whole local part, as Sendmail has it. A local part that needs
 * its quotes keeps them there, and is one word, whatever plus is in it: `%1` of `"a@b"` must not become an address at b.
 */
import { domainKey, unquotedLocalPart, writtenLocalPart } from "../address.ts";
import type { SmtpReply } from "../errors.ts";
import { readErrorMailer } from "./error-mailer.ts";
import { type RecordLookup, withArguments } from "./map-arguments.ts";
import type { Table } from "./table.ts";

/** What an entry asks for. */
export type VirtualTarget =
  /** An address, or a local name without a domain. It is looked at anew, virtusertable included. */
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "error"; readonly reply: SmtpReply };

/** The entry that counts. */
export interface VirtualUser {
  /** Its key, in lower case. */
  readonly key: string;
  readonly target: VirtualTarget;
}

/**
 * Looks an address up. Whether its domain is one that the table serves (class w, {VirtHost}) is the caller's question.
 *
 * @param localPart as the client wrote it; quotes are taken off
 * @param record told of every key, in the order in which they were tried
 * @returns undefined when no entry is for it
 */
export function findVirtualUser(
  table: Table,
  localPart: string,
  domain: string,
  record?: RecordLookup,
): VirtualUser | undefined {
  for (const { form, args } of lookups(localPart)) {
    const key = `${form.toLowerCase()}@${domainKey(domain)}`;
    const value = table.get(key);
    record?.(key, value);
    if (value === undefined) continue;
    const written = form === "" ? "" : writtenLocalPart(form);
    const meant = withArguments(value, [`${written}@${domain}`, ...args]).trim();
    const reply = readErrorMailer(meant);
    return {
      key,
      target: reply === undefined ? { kind: "address", address: meant } : { kind: "error", reply },
    };
  }
  return undefined;
}

/** The local parts that are looked up, each with `%1` and what follows. */
function lookups(given: string): { readonly form: string; readonly args: readonly string[] }[] {
  const localPart = unquotedLocalPart(given);
  const written = writtenLocalPart(localPart);
  if (written !== localPart) return [localPart, ""].map((form) => ({ form, args: [written] }));
  const plus = localPart.indexOf("+", 1);
  if (plus < 0) return [localPart, ""].map((form) => ({ form, args: [localPart] }));
  const user = localPart.slice(0, plus);
  const detail = localPart.slice(plus + 1);
  const some = detail === "" ? [] : ["++"];
  const kinds = [...some, "+*", ""];
  const args = [user, detail, `+${detail}`];
  return [
    { form: localPart, args: [localPart] },
    ...kinds.map((kind) => ({ form: user + kind, args })),
    ...kinds.map((form) => ({ form, args })),
  ];
}
