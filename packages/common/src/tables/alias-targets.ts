/**
 * The right-hand side of an alias: a list of mailboxes and addresses.
 *
 * Items are separated by commas outside quotes, brackets and comments. `name` is a local name, `\name` one that is
 * not looked up again, `user@domain` an address, `Full Name <user@domain>` the address in it. Programs, files and
 * `:include:` lists are refused.
 */
import { localPartKey, splitAddress } from "../address.ts";

/** One thing that a name stands for. */
export type AliasTarget =
  | {
      readonly kind: "local";
      /** As names are looked up: lower case, unquoted. */
      readonly name: string;
      /** True for `\name`: deliver there and look no further. */
      readonly final: boolean;
    }
  | { readonly kind: "address"; readonly address: string };

/** The targets, or what is wrong with the list. */
export type TargetsRead =
  | { readonly ok: true; readonly targets: readonly AliasTarget[] }
  | { readonly ok: false; readonly reason: string };

/** Reads a right-hand side. */
export function parseTargets(text: string): TargetsRead {
  const items = splitItems(text);
  if (items === undefined) return { ok: false, reason: "unbalanced quotes, brackets or parentheses" };
  const targets: AliasTarget[] = [];
  for (const item of items) {
    const target = readItem(item);
    if (typeof target === "string") return { ok: false, reason: target };
    targets.push(target);
  }
  return targets.length > 0 ? { ok: true, targets } : { ok: false, reason: "missing value for alias" };
}

/** The comma-separated items with comments taken out; undefined when something is left open. */
function splitItems(text: string): string[] | undefined {
  const items: string[] = [];
  let item = "";
  let quoted = false;
  let angle = false;
  let comment = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === "\\" && i + 1 < text.length) {
      if (comment === 0) item += c + text[i + 1];
      i++;
    } else if (comment > 0) {
      comment += c === "(" ? 1 : c === ")" ? -1 : 0;
    } else if (c === '"') {
      quoted = !quoted;
      item += c;
    } else if (!quoted && c === "(") {
      comment = 1;
    } else if (!quoted && !angle && c === ",") {
      items.push(item);
      item = "";
    } else {
      if (!quoted && (c === "<" || c === ">")) angle = c === "<";
      item += c;
    }
  }
  if (quoted || angle || comment > 0) return undefined;
  return [...items, item].map((i) => i.trim()).filter((i) => i !== "");
}

/** One item as a target, or why it is refused. */
function readItem(item: string): AliasTarget | string {
  const text = /^[^<]*<([^<>]*)>$/.exec(item)?.[1]?.trim() ?? item;
  const inner = /^"(.*)"$/s.exec(text)?.[1] ?? text;
  if (inner.startsWith("|")) {
    return `${item}: mail to a program is refused; name a mailbox or an address instead`;
  }
  if (inner.startsWith("/")) {
    return `${item}: mail to a file is refused; name a mailbox or an address instead`;
  }
  if (/^:include:/i.test(inner)) {
    return `${item}: a list in another file is refused; write its members here instead`;
  }
  const final = text.startsWith("\\");
  const name = final ? text.slice(1) : text;
  const bare = name.replace(/"(?:[^"\\]|\\.)*"/gs, "");
  if (name === "" || /\p{Cc}/u.test(name)) return `illegal alias target ${JSON.stringify(item)}`;
  if (/\s#|^#/.test(bare)) return `${item}: a comment needs a line of its own`;
  if (/\s/.test(bare)) return `${item}: white space inside an item; separate items by commas`;
  const { localPart, domain } = splitAddress(name);
  if (domain !== "") {
    return localPart === ""
      ? `${item}: nothing before the @`
      : { kind: "address", address: `${localPart}@${domain}` };
  }
  if (bare.includes("@")) return `${item}: no domain after the @`;
  return { kind: "local", name: localPartKey(name), final };
}
