/**
 * The right-hand side of an alias, and a line of a `.forward` or an `:include:` file: a list of what mail goes to.
 *
 * Items are separated by commas outside quotes, brackets and comments (aliases(5)). `name` is a local name, `\name` one
 * that is not looked up again, `user@domain` an address, `Full Name <user@domain>` the address in it, `|program` or
 * `"|program arguments"` a program, `/path` a file, `:include:/path` a list in another file.
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
  | { readonly kind: "address"; readonly address: string }
  /** What the shell is given, without the bar and the quotes around it. */
  | { readonly kind: "program"; readonly command: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "include"; readonly path: string };

/** The targets, or what is wrong with the list. */
export type TargetsRead =
  | { readonly ok: true; readonly targets: readonly AliasTarget[] }
  | { readonly ok: false; readonly reason: string };

/** An item that is no target: as it was written, and why. */
export interface BadItem {
  readonly kind: "bad";
  readonly item: string;
  readonly reason: string;
}

/** The longest item, in octets: no line of a list may fill memory with one address. */
const LONGEST_ITEM = 8192;

/** Reads a right-hand side; all of it must be sound. */
export function parseTargets(text: string): TargetsRead {
  const targets: AliasTarget[] = [];
  for (const target of readTargetList(text)) {
    if (target.kind === "bad") {
      return { ok: false, reason: target.item === "" ? target.reason : `${target.item}: ${target.reason}` };
    }
    targets.push(target);
  }
  return targets.length > 0 ? { ok: true, targets } : { ok: false, reason: "missing value for alias" };
}

/** Reads a list item by item: the sound ones count although others are not. */
export function readTargetList(text: string): (AliasTarget | BadItem)[] {
  const { items, open } = splitItems(text);
  return open
    ? [{ kind: "bad", item: "", reason: "unbalanced quotes, brackets or parentheses" }]
    : items.map(readItem);
}

/** A target as it would be written. */
export function printTarget(target: AliasTarget): string {
  switch (target.kind) {
    case "local":
      if (isPlainName(target.name)) return `${target.final ? "\\" : ""}${target.name}`;
      return target.final ? `"\\${quoted(target.name).slice(1)}` : quoted(target.name);
    case "address":
      return target.address;
    case "program":
      return quoted(`|${target.command}`);
    case "file":
      return /^[\w/.+-]+$/.test(target.path) ? target.path : quoted(target.path);
    case "include":
      return /^[\w/.+-]+$/.test(target.path) ? `:include:${target.path}` : quoted(`:include:${target.path}`);
  }
}

function isPlainName(name: string): boolean {
  return /^[^\s"\\(),:;<>@|/]+$/.test(name);
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** The comma-separated items with comments taken out, and whether something was left open. */
function splitItems(text: string): { items: string[]; open: boolean } {
  const items: string[] = [];
  let item = "";
  // The item's first sign. To look for it anew at each sign that follows would take for ever in an item of megabytes.
  let first = "";
  const append = (more: string) => {
    if (first === "") first = more.trim().charAt(0);
    item += more;
  };
  let isQuoted = false;
  let angle = false;
  let comment = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === "\\" && i + 1 < text.length) {
      if (comment === 0) append(c + text[i + 1]);
      i++;
    } else if (comment > 0) {
      comment += c === "(" ? 1 : c === ")" ? -1 : 0;
    } else if (c === '"') {
      isQuoted = !isQuoted;
      append(c);
    } else if (!isQuoted && c === "(" && first !== "|" && first !== "/") {
      comment = 1;
    } else if (!isQuoted && !angle && c === ",") {
      items.push(item);
      item = "";
      first = "";
    } else {
      if (!isQuoted && (c === "<" || c === ">") && first !== "|") angle = c === "<";
      append(c);
    }
  }
  const all = [...items, item].map((i) => i.trim()).filter((i) => i !== "");
  return { items: all, open: isQuoted || angle || comment > 0 };
}

function readItem(item: string): AliasTarget | BadItem {
  const bad = (reason: string): BadItem => ({ kind: "bad", item, reason });
  if (Buffer.byteLength(item) > LONGEST_ITEM) {
    return { kind: "bad", item: `${item.slice(0, 40)}…`, reason: `longer than ${LONGEST_ITEM} octets` };
  }
  if (/\p{Cc}/u.test(item.replace(/\t/g, " "))) {
    return { kind: "bad", item: "", reason: `illegal alias target ${JSON.stringify(item)}` };
  }
  const special = readSpecial(item, bad);
  if (special !== undefined) return special;
  // `"\name"`: the quotes are around the whole.
  const last = /^"\\([^"\\](?:[^"\\]|\\.)*)"$/s.exec(item)?.[1];
  if (last !== undefined && !last.includes("@")) {
    return { kind: "local", name: localPartKey(`"${last}"`), final: true };
  }
  const text = /^[^<]*<([^<>]*)>$/.exec(item)?.[1]?.trim() ?? item;
  const final = text.startsWith("\\");
  const name = final ? text.slice(1) : text;
  if (name === "") return { kind: "bad", item: "", reason: `illegal alias target ${JSON.stringify(item)}` };
  const bare = name.replace(/"(?:[^"\\]|\\.)*"/gs, "");
  if (/\s#|^#/.test(bare)) return bad("a comment needs a line of its own");
  if (/\s/.test(bare)) return bad("white space inside an item; separate items by commas");
  const { localPart, domain } = splitAddress(name);
  if (domain !== "") {
    return localPart === ""
      ? bad("nothing before the @")
      : { kind: "address", address: `${localPart}@${domain}` };
  }
  if (bare.includes("@")) return bad("no domain after the @");
  return { kind: "local", name: localPartKey(name), final };
}

/** A program, a file or a list; undefined for what is none of them. */
function readSpecial(item: string, bad: (reason: string) => BadItem): AliasTarget | BadItem | undefined {
  const whole = /^"(?:[^"\\]|\\.)*"$/s.test(item);
  const inner = whole ? unquoted(item) : item;
  if (inner.startsWith("|")) {
    const command = (
      /^\|\s*"(?:[^"\\]|\\.)*"$/s.test(item) ? unquoted(item.slice(1).trim()) : inner.slice(1)
    ).trim();
    return command === "" ? bad("no program after the |") : { kind: "program", command };
  }
  if (inner.startsWith("/")) {
    // `/C=XX/…@gateway` of old mail gateways is an address; quotes make a file of it.
    return !whole && inner.includes("@") ? undefined : { kind: "file", path: inner };
  }
  const include = /^:include:\s*(.*)$/is.exec(inner);
  if (include === null) return undefined;
  const path = /^"(?:[^"\\]|\\.)*"$/s.test(include[1]!) ? unquoted(include[1]!) : include[1]!.trim();
  return path.startsWith("/") ? { kind: "include", path } : bad("a list's path begins with /");
}

function unquoted(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gs, "$1");
}
