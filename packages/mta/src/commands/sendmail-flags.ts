/**
 * The command line of `sendmail`: single letters with their values attached or following, as four decades of programs that
 * call it write them. No parser for the usual kind of options reads this grammar. Pure.
 */
import { NO_QUEUE_FLAGS, type QueueFlags, readQueueFlag } from "./queue-flags.ts";

/** What the program is to do. */
export type SendmailMode =
  | "deliver"
  | "smtp"
  | "queue-list"
  | "queue-count"
  | "aliases"
  | "verify"
  | "test"
  | "daemon"
  | "foreground-daemon"
  | "host-status"
  | "purge-status"
  | "check-configuration";

/** An option of the command line, `-O Name=value` or `-oXvalue`. */
export interface RunOption {
  /** A long name, or one letter. */
  readonly name: string;
  readonly value: string;
}

/** The command line, read. */
export interface SendmailFlags {
  readonly mode: SendmailMode;
  /** -b was given: a name such as mailq does not count then. */
  readonly modeGiven: boolean;
  /** -t: recipients are in the header. */
  readonly recipientsInHeader: boolean;
  /** -i, -oi: a line with a single dot is content. */
  readonly ignoreDots: boolean;
  /** -f, -r: envelope sender, empty for `<>`. */
  readonly sender?: string;
  /** -F: the sender's full name. */
  readonly fullName?: string;
  readonly verbose: boolean;
  /** -N: `NEVER`, or a list of `FAILURE`, `DELAY`, `SUCCESS`. */
  readonly notify?: string;
  /** -R. */
  readonly dsnReturn?: "FULL" | "HDRS";
  /** -V: envelope id, xtext. */
  readonly envelopeId?: string;
  /** -B. */
  readonly bodyType?: "7BIT" | "8BITMIME";
  /** -U: the message needs SMTPUTF8. */
  readonly smtputf8: boolean;
  /** -h: hops to count in addition. */
  readonly hops?: number;
  readonly queue: QueueFlags;
  /** -Q: the reason, empty to free what is in quarantine; absent: not given. */
  readonly quarantine?: string;
  /** -o, -O. */
  readonly options: readonly RunOption[];
  /** -C: another settings file. */
  readonly configFile?: string;
  /** -X: all traffic goes into this file too. */
  readonly trafficLog?: string;
  /** -L: tag of the log's lines. */
  readonly logTag?: string;
  /** --json: for scripts, with -bp, -bh and -bv. */
  readonly json: boolean;
  /** --root: the site. */
  readonly root?: string;
  readonly recipients: readonly string[];
}

/** The flags, or what is wrong with the command line. */
export type FlagsRead =
  | { readonly ok: true; readonly flags: SendmailFlags }
  | { readonly ok: false; readonly reason: string };

type Writable = { -readonly [K in keyof SendmailFlags]: SendmailFlags[K] };

/** How a flag takes its value. */
type Arity =
  /** No value. */
  | "none"
  /** Attached, or the next argument. */
  | "value"
  /** Attached, or none. */
  | "attached";

interface Flag {
  readonly arity: Arity;
  /** Returns what is wrong, or nothing. */
  readonly apply: (flags: Writable, value: string) => string | undefined;
}

const ignored = (): undefined => undefined;

const MODES: Readonly<Record<string, SendmailMode>> = {
  a: "deliver",
  m: "deliver",
  s: "smtp",
  p: "queue-list",
  P: "queue-count",
  i: "aliases",
  v: "verify",
  t: "test",
  d: "daemon",
  D: "foreground-daemon",
  h: "host-status",
  H: "purge-status",
  C: "check-configuration",
};

const NOTIFY: ReadonlySet<string> = new Set(["NEVER", "SUCCESS", "FAILURE", "DELAY"]);

const ALIASES: Flag = {
  arity: "none",
  apply(flags) {
    flags.mode = "aliases";
    flags.modeGiven = true;
    return undefined;
  },
};

/** Every flag. Those that are accepted and change nothing are there for the programs that pass them. */
const FLAGS: Readonly<Record<string, Flag>> = {
  b: {
    arity: "value",
    apply(flags, value) {
      if (value.startsWith("z")) return "Frozen configurations unsupported";
      const mode = MODES[value.charAt(0)];
      if (mode === undefined) return `Invalid operation mode ${value.charAt(0)}`;
      flags.mode = mode;
      flags.modeGiven = true;
      return undefined;
    },
  },
  q: {
    arity: "attached",
    apply(flags, value) {
      const read = readQueueFlag(value, flags.queue);
      if (!read.ok) return read.reason;
      flags.queue = read.flags;
      return undefined;
    },
  },
  Q: { arity: "attached", apply: (flags, value) => void (flags.quarantine = value) },
  t: { arity: "none", apply: (flags) => void (flags.recipientsInHeader = true) },
  i: { arity: "none", apply: (flags) => void (flags.ignoreDots = true) },
  v: { arity: "none", apply: (flags) => void (flags.verbose = true) },
  U: { arity: "none", apply: (flags) => void (flags.smtputf8 = true) },
  f: { arity: "value", apply: setSender },
  r: { arity: "value", apply: setSender },
  F: { arity: "value", apply: (flags, value) => void (flags.fullName = value) },
  N: { arity: "value", apply: setNotify },
  R: {
    arity: "value",
    apply(flags, value) {
      const word = value.toUpperCase();
      if (word !== "FULL" && word !== "HDRS") return "Invalid -R value";
      flags.dsnReturn = word;
      return undefined;
    },
  },
  V: {
    arity: "value",
    apply(flags, value) {
      if (!/^[!-*,-<>-~+]+$/.test(value) || /\+(?![0-9A-F]{2})/.test(value))
        return "Invalid syntax in -V flag";
      flags.envelopeId = value;
      return undefined;
    },
  },
  B: {
    arity: "value",
    apply(flags, value) {
      const word = value.toUpperCase();
      if (word !== "7BIT" && word !== "8BITMIME") return `Illegal body type ${value}`;
      flags.bodyType = word;
      return undefined;
    },
  },
  h: {
    arity: "value",
    apply(flags, value) {
      if (!/^\d{1,4}$/.test(value)) return `Bad hop count (${value})`;
      flags.hops = Number(value);
      return undefined;
    },
  },
  o: {
    arity: "value",
    apply(flags, value) {
      return addOption(flags, { name: value.charAt(0), value: value.slice(1).trim() });
    },
  },
  O: {
    arity: "value",
    apply(flags, value) {
      const [, name = "", given = ""] = /^\s*([^=\s]*)\s*(?:=\s*)?(.*)$/s.exec(value) ?? [];
      return addOption(flags, { name, value: given });
    },
  },
  C: { arity: "value", apply: (flags, value) => void (flags.configFile = value) },
  X: { arity: "value", apply: (flags, value) => void (flags.trafficLog = value) },
  L: { arity: "value", apply: (flags, value) => void (flags.logTag = value) },
  // -oem, -em: errors come as exit code and text here in any case.
  e: { arity: "value", apply: ignored },
  A: { arity: "attached", apply: ignored },
  D: { arity: "value", apply: ignored },
  d: { arity: "attached", apply: ignored },
  E: { arity: "none", apply: ignored },
  G: { arity: "none", apply: ignored },
  J: { arity: "value", apply: ignored },
  M: { arity: "value", apply: ignored },
  m: { arity: "none", apply: ignored },
  n: { arity: "none", apply: ignored },
  p: { arity: "value", apply: ignored },
  s: { arity: "none", apply: ignored },
  T: { arity: "value", apply: ignored },
  I: ALIASES,
};

function setSender(flags: Writable, value: string): undefined {
  flags.sender = value.replace(/^<(.*)>$/, "$1");
}

/** -N: several add up. */
function setNotify(flags: Writable, value: string): string | undefined {
  const words = value.toUpperCase().split(",");
  const all = [...new Set([...(flags.notify?.split(",") ?? []), ...words])];
  if (words.some((word) => !NOTIFY.has(word)) || (all.includes("NEVER") && all.length > 1))
    return "Invalid -N argument";
  flags.notify = all.join(",");
  return undefined;
}

function addOption(flags: Writable, option: RunOption): undefined {
  flags.options = [...flags.options, option];
  const ignoreDots = option.name === "i" || option.name.toLowerCase() === "ignoredots";
  if (ignoreDots) flags.ignoreDots = !/^[fFnN]/.test(option.value);
  const verbose = option.name === "v" || option.name.toLowerCase() === "verbose";
  if (verbose) flags.verbose = !/^[fFnN]/.test(option.value);
}

/**
 * Reads a command line.
 *
 * @param programName as the program was called, for what is said of an unknown flag
 */
export function readSendmailFlags(argv: readonly string[], programName = "sendmail"): FlagsRead {
  const flags: Writable = {
    mode: "deliver",
    modeGiven: false,
    recipientsInHeader: false,
    ignoreDots: false,
    verbose: false,
    smtputf8: false,
    queue: NO_QUEUE_FLAGS,
    options: [],
    json: false,
    recipients: [],
  };
  const recipients: string[] = [];
  const words = [...argv];
  while (words.length > 0) {
    const word = words.shift()!;
    if (word === "--") {
      recipients.push(...words);
      break;
    }
    if (word === "--json") {
      flags.json = true;
      continue;
    }
    if (word === "--root" || word.startsWith("--root=")) {
      const root = word === "--root" ? words.shift() : word.slice("--root=".length);
      if (root === undefined || root === "") return { ok: false, reason: "--root needs a directory" };
      flags.root = root;
      continue;
    }
    if (!word.startsWith("-") || word === "-") {
      recipients.push(word);
      continue;
    }
    const fault = applyWord(flags, word, words, programName);
    if (fault !== undefined) return { ok: false, reason: fault };
  }
  return { ok: true, flags: { ...flags, recipients } };
}

/** Applies one word, which may hold several letters: `-ti`. */
function applyWord(flags: Writable, word: string, rest: string[], programName: string): string | undefined {
  for (let at = 1; at < word.length; at += 1) {
    const letter = word[at]!;
    const flag = Object.hasOwn(FLAGS, letter) ? FLAGS[letter] : undefined;
    if (flag === undefined) return `${programName}: illegal option -- ${letter}`;
    if (flag.arity === "none") {
      flag.apply(flags, "");
      continue;
    }
    const attached = word.slice(at + 1);
    const value = attached !== "" || flag.arity === "attached" ? attached : rest.shift();
    if (value === undefined) return `${programName}: option requires an argument -- ${letter}`;
    return flag.apply(flags, value) ?? undefined;
  }
  return undefined;
}
