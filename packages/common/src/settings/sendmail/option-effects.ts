/**
 * What an option of Sendmail does to the settings: each maker returns the effect of one row of options.ts.
 */

import { NO_LIMIT } from "../option.ts";
import type { Read } from "../units.ts";
import type { Draft } from "./draft.ts";
import type { Given } from "./model.ts";
import { belowRoot, readCount, readInterval, readTruth, type TimeUnit } from "./option-values.ts";
import { readPrivacy } from "./privacy.ts";

/** Puts one value of an option into the settings. */
export type Effect = (given: Given, draft: Draft) => void;

/** An option whose work mailhost does in another way, or that has nothing to do here. */
export const silent: Effect = () => undefined;

/** An option that is read elsewhere, together with others. */
export const elsewhere: Effect = () => undefined;

/** An option that changes something which mailhost does not offer; said when it is set to anything but `usual`. */
export function unserved(reason: string, usual: RegExp = /^$/): Effect {
  return ({ value, origin }, draft) => {
    if (!usual.test(value.trim())) draft.note(origin, reason);
  };
}

function put<T>(path: string, read: Read<T>, { value, origin }: Given, draft: Draft): void {
  if (read.ok) draft.set(path, read.value, origin);
  else draft.fault(origin, `${JSON.stringify(value)}: expected ${read.expected}`);
}

export function time(path: string, unit: TimeUnit, atLeast = 0): Effect {
  return (given, draft) => {
    const text = given.value.trim() === "now" ? "0s" : given.value;
    const read = readInterval(text, unit);
    put(path, read.ok ? { ok: true, value: Math.max(read.value, atLeast) } : read, given, draft);
  };
}

export function count(path: string): Effect {
  return (given, draft) => put(path, readCount(given.value), given, draft);
}

/** A bound, which 0 lifts. */
export function limit(path: string): Effect {
  return (given, draft) => {
    const read = readCount(given.value);
    put(path, read.ok && read.value === 0 ? { ok: true, value: NO_LIMIT } : read, given, draft);
  };
}

/** A bound that mailhost always has; 0 leaves its own. */
export function ceiling(path: string): Effect {
  return (given, draft) => {
    const read = readCount(given.value);
    if (!read.ok || read.value > 0) put(path, read, given, draft);
  };
}

export function truth(path: string): Effect {
  return ({ value, origin }, draft) => draft.set(path, readTruth(value), origin);
}

/** A text, which may be empty: no fallback, no report, the ciphers that are usual here. */
export function text(path: string): Effect {
  return ({ value, origin }, draft) => draft.set(path, value.trim(), origin);
}

/** A text that says nothing when it is empty. */
export function name(path: string): Effect {
  return ({ value, origin }, draft) => {
    if (value.trim() !== "") draft.set(path, value.trim(), origin);
  };
}

/** ServerSSLOptions: nothing before TLS 1.2 is spoken anyway, compression never is, and the order of ciphers is ours. */
export const sslOptions: Effect = ({ value, origin }, draft) => {
  if (/(^|[\s+])SSL_OP_NO_TLSv1_2\b/.test(value) && !/-SSL_OP_NO_TLSv1_2\b/.test(value))
    draft.set("tls.minVersion", "1.3", origin);
  if (/(^|[\s+])SSL_OP_NO_TLSv1_3\b/.test(value))
    draft.note(origin, "TLS 1.3 is spoken, whatever ServerSSLOptions says");
};

export function file(path: string): Effect {
  return ({ value, origin }, draft) => {
    if (value.trim() !== "") draft.set(path, belowRoot(value.trim()), origin);
  };
}

export const privacy: Effect = (given, draft) => put("smtp.privacy", readPrivacy(given.value), given, draft);

/** Size of the blocks that MinFreeBlocks counts: what Linux's file systems have. */
const BLOCK = 4096;

export const freeBlocks: Effect = (given, draft) => {
  const read = readCount(given.value);
  put("queue.minFreeSpace", read.ok ? { ok: true, value: read.value * BLOCK } : read, given, draft);
};

export const deliveryMode: Effect = ({ value, origin }, draft) => {
  const modes: Readonly<Record<string, string>> = {
    b: "background",
    q: "queue-only",
    d: "deferred",
    i: "interactive",
  };
  const mode = modes[value.trim().charAt(0).toLowerCase()];
  if (mode === undefined) draft.fault(origin, `unknown delivery mode ${JSON.stringify(value)}`);
  else draft.set("queue.deliveryMode", mode, origin);
};

/** `spec, spec …`, each perhaps with a map's class: `hash:/etc/mail/aliases`, or optional: `-o /etc/mail/lists`. */
export const aliasFiles: Effect = ({ value, origin }, draft) => {
  const paths: string[] = [];
  for (const spec of value.split(",").map((part) => part.trim())) {
    const match = /^(?:([a-z]+):\s*)?(?:-\S+\s+)*(\S*)$/i.exec(spec);
    if (match === null || /^(?:ldap|nis|nisplus|netinfo|sequence|program|regex)$/i.test(match[1] ?? "")) {
      draft.note(origin, `aliases from ${spec} are not read; put them into a file`);
    } else if (match[2] !== undefined && match[2] !== "") paths.push(belowRoot(match[2]));
  }
  draft.set("tables.aliases", paths, origin);
};

export const forwardPath: Effect = ({ value, origin }, draft) =>
  draft.set(
    "local.forwardPath",
    value.split(":").filter((path) => path.trim() !== ""),
    origin,
  );

/** QueueTimeout and confMESSAGE_TIMEOUT: `return/warn`. */
export const queueTimeout: Effect = (given, draft) => {
  const [back = "", warn] = given.value.split("/");
  time("queue.returnAfter", "d", 1)({ ...given, value: back }, draft);
  if (warn !== undefined) time("queue.warnAfter", "h")({ ...given, value: warn }, draft);
};

/** Old `Orident=0s,quit=2m`: read as options of their own before they come here. */
export const queueDirectory: Effect = ({ value, origin }, draft) => {
  if (!/^\/?var\/spool\/mqueue\/?$/.test(value.trim())) {
    draft.note(origin, `the queue is in var/spool/mqueue below the site root, not in ${value.trim()}`);
  }
};

/** The greeting. Sendmail's own text is left to mailhost, which says what it is itself. */
export const greeting: Effect = ({ value, origin }, draft) => {
  if (/^\$j Sendmail \$v\/\$Z; \$b$/.test(value.trim())) return;
  let shown = value;
  // Conditions, innermost first; what holds only sometimes is left out.
  for (let before = ""; before !== shown; ) {
    before = shown;
    shown = shown.replace(/\$\?(?:\{\w+\}|\w)((?!\$\?|\$\.)[\s\S])*?\$\./, "");
  }
  shown = shown
    .replace(/\/\$Z/g, "")
    .replace(/\$(?![jvbwm$])(?:\{\w+\}|.)/g, "")
    .replace(/[\s;]+$/, "");
  if (shown !== value.trim()) {
    draft.note(origin, "of the greeting's macros $j, $w, $m, $v and $b are shown, the rest is left out");
  }
  draft.set("smtp.greeting", shown, origin);
};
