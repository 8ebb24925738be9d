/**
 * The command line of `sendmail`: single letters with their values attached or following, as four decades of programs that
 * call it write them. No parser for the usual kind of options reads this grammar. Pure.
 */

/** What the program is to do. */
export type SendmailMode = "deliver" | "queue-list" | "aliases" | "verify" | "run-queue" | "daemon";

/** The command line, read. */
export interface SendmailFlags {
  readonly mode: SendmailMode;
  /** -t: recipients are in the header. */
  readonly recipientsInHeader: boolean;
  /** -i, -oi: a line with a single dot is content. */
  readonly ignoreDots: boolean;
  /** -f, -r: envelope sender, empty for `<>`. */
  readonly sender?: string;
  /** -F: the sender's full name. */
  readonly fullName?: string;
  readonly verbose: boolean;
  /** -N: `never`, or a list of `failure`, `delay`, `success`. */
  readonly notify?: string;
  /** -R: `full` or `hdrs`. */
  readonly dsnReturn?: string;
  /** -V: envelope id. */
  readonly envelopeId?: string;
  /** -B: `7bit` or `8bitmime`. */
  readonly bodyType?: string;
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
  m: "deliver",
  p: "queue-list",
  i: "aliases",
  v: "verify",
  d: "daemon",
  D: "daemon",
};

/** Every flag. Those that are accepted and change nothing are there for the programs that pass them. */
const FLAGS: Readonly<Record<string, Flag>> = {
  b: {
    arity: "value",
    apply(flags, value) {
      const mode = MODES[value];
      if (mode === undefined) return `invalid operation mode ${value}`;
      flags.mode = mode;
      return undefined;
    },
  },
  q: {
    arity: "attached",
    apply(flags, value) {
      if (flags.mode === "daemon") return undefined;
      flags.mode = value === "" || value === "f" ? "run-queue" : "daemon";
      return undefined;
    },
  },
  t: { arity: "none", apply: (flags) => void (flags.recipientsInHeader = true) },
  i: { arity: "none", apply: (flags) => void (flags.ignoreDots = true) },
  v: { arity: "none", apply: (flags) => void (flags.verbose = true) },
  f: { arity: "value", apply: (flags, value) => void (flags.sender = bare(value)) },
  r: { arity: "value", apply: (flags, value) => void (flags.sender = bare(value)) },
  F: { arity: "value", apply: (flags, value) => void (flags.fullName = value) },
  N: { arity: "value", apply: (flags, value) => void (flags.notify = value) },
  R: { arity: "value", apply: (flags, value) => void (flags.dsnReturn = value) },
  V: { arity: "value", apply: (flags, value) => void (flags.envelopeId = value) },
  B: { arity: "value", apply: (flags, value) => void (flags.bodyType = value) },
  o: {
    arity: "value",
    apply(flags, value) {
      if (value === "i" || value === "iTrue" || value === "itrue") flags.ignoreDots = true;
      return undefined;
    },
  },
  O: {
    arity: "value",
    apply(flags, value) {
      if (/^IgnoreDots(=t(rue)?)?$/i.test(value)) flags.ignoreDots = true;
      return undefined;
    },
  },
  // Delivery is always by the queue, aliases always apply, errors always come as exit code and report.
  A: { arity: "attached", apply: ignored },
  C: { arity: "value", apply: ignored },
  d: { arity: "attached", apply: ignored },
  e: { arity: "value", apply: ignored },
  G: { arity: "none", apply: ignored },
  h: { arity: "value", apply: ignored },
  L: { arity: "value", apply: ignored },
  m: { arity: "none", apply: ignored },
  n: { arity: "none", apply: ignored },
  p: { arity: "value", apply: ignored },
  s: { arity: "none", apply: ignored },
  U: { arity: "none", apply: ignored },
  X: { arity: "value", apply: ignored },
};

/** Reads a command line. */
export function readSendmailFlags(argv: readonly string[]): FlagsRead {
  const flags: Writable = {
    mode: "deliver",
    recipientsInHeader: false,
    ignoreDots: false,
    verbose: false,
    recipients: [],
  };
  const words = [...argv];
  while (words.length > 0) {
    const word = words.shift()!;
    if (word === "--") {
      flags.recipients = [...flags.recipients, ...words];
      break;
    }
    if (word === "--root" || word.startsWith("--root=")) {
      const root = word === "--root" ? words.shift() : word.slice("--root=".length);
      if (root === undefined || root === "") return { ok: false, reason: "--root needs a directory" };
      flags.root = root;
      continue;
    }
    if (!word.startsWith("-") || word === "-") {
      flags.recipients = [...flags.recipients, word];
      continue;
    }
    const fault = applyWord(flags, word, words);
    if (fault !== undefined) return { ok: false, reason: fault };
  }
  return { ok: true, flags };
}

/** Applies one word, which may hold several letters: `-ti`. */
function applyWord(flags: Writable, word: string, rest: string[]): string | undefined {
  for (let at = 1; at < word.length; at += 1) {
    const letter = word[at]!;
    const flag = Object.hasOwn(FLAGS, letter) ? FLAGS[letter] : undefined;
    if (flag === undefined) return `unknown flag -${letter}`;
    if (flag.arity === "none") {
      flag.apply(flags, "");
      continue;
    }
    const attached = word.slice(at + 1);
    const value = attached !== "" || flag.arity === "attached" ? attached : rest.shift();
    if (value === undefined) return `-${letter} needs a value`;
    return flag.apply(flags, value) ?? undefined;
  }
  return undefined;
}

function bare(address: string): string {
  return address.replace(/^<(.*)>$/, "$1");
}

/** The usage text. */
export const SENDMAIL_USAGE = `usage: sendmail [-t] [-i] [-f SENDER] [-F NAME] [-N WHEN] [-R full|hdrs] [-V ID] [-v] [RECIPIENT...]
       sendmail -bv ADDRESS...   where mail for an address would go
       sendmail -bp              the queue (mailq)
       sendmail -bi              compile the aliases (newaliases)
       sendmail -q               attempt everything in the queue now
Every form takes --root DIR (or MAILHOST_ROOT).`;
