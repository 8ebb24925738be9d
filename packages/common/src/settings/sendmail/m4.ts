/**
 * A reader of the part of m4 that Sendmail's configurations are written in: words, `nested quotes', calls with arguments,
 * comments, diversions, and the built-in macros of m4-builtins.ts. A host gives it macros of its own (FEATURE, OSTYPE …) as
 * functions. It promises to end: expansions, nesting, output and steps are bounded.
 */
import { ConfigError } from "../../errors.ts";
import { builtins } from "./m4-builtins.ts";
import { type M4Input, m4Input } from "./m4-input.ts";
import type { Origin } from "./model.ts";

/** One call of a macro: its arguments, expanded and without their quotes. */
export interface M4Call {
  readonly name: string;
  readonly args: readonly string[];
  /** Whether there was an argument list, `NAME()` and not `NAME`. */
  readonly listed: boolean;
  readonly origin: Origin;
}

/** A macro that is a function: returns text that is read in its place. */
export interface HostMacro {
  readonly run: (call: M4Call) => string;
  /** Only a macro where an argument list follows; else a word like any other. */
  readonly needsList?: boolean;
}

/** A macro as `define` leaves it, or a host's. */
export type Macro =
  | { readonly kind: "text"; readonly body: string; readonly origin: Origin }
  | ({ readonly kind: "host" } & HostMacro);

/** A line of output. */
export interface OutputLine {
  readonly text: string;
  readonly origin: Origin;
}

/** Where other files come from. */
export interface M4Files {
  /** The text of a file that an `include` names, with the name to show; undefined: there is none. */
  readonly read: (path: string) => { readonly text: string; readonly file: string } | undefined;
}

/** The state of one run. */
export interface M4 {
  readonly macros: Map<string, Macro[]>;
  readonly files: M4Files;
  /** Current diversion; what goes to a negative one is thrown away. */
  diversion: number;
  readonly outer: number[];
  quotes: readonly [string, string];
  /** Empty: no comments. */
  comment: string;
  /** What is being read now. */
  input: M4Input;
  /** How often each macro was used. */
  readonly used: Map<string, number>;
  /** Expands a text on its own, as if it stood at the end of the file. */
  expand(text: string, origin: Origin): string;
  /** Text at the end of everything (m4wrap). */
  readonly wrapped: string[];
}

const WORD = /[A-Za-z_]\w*/y;
const PLAIN = /[^A-Za-z_\n,()]/y;
const MAX_STEPS = 500_000;
const MAX_PENDING = 4_000_000;
const MAX_DEPTH = 200;

/** Starts a run over a file's text. */
export function startM4(text: string, file: string, files: M4Files): M4 {
  const m4: M4 = {
    macros: new Map(),
    files,
    diversion: 0,
    outer: [],
    quotes: ["`", "'"],
    comment: "#",
    input: m4Input(text, file),
    used: new Map(),
    wrapped: [],
    expand: (source, origin) => expandAlone(m4, source, origin),
  };
  for (const [name, macro] of Object.entries(builtins(m4))) define(m4, name, { kind: "host", ...macro });
  return m4;
}

/** Defines a macro, over an older one of that name. */
export function define(m4: M4, name: string, macro: Macro): void {
  const stack = m4.macros.get(name);
  if (stack === undefined || stack.length === 0) m4.macros.set(name, [macro]);
  else stack[stack.length - 1] = macro;
}

/** The macro of a name, if there is one. */
export function macroOf(m4: M4, name: string): Macro | undefined {
  return m4.macros.get(name)?.at(-1);
}

/**
 * Reads everything and returns the lines of each diversion from 0 up.
 *
 * @throws ConfigError for a quote or call that never ends, or when a bound is passed
 */
export function runM4(m4: M4): ReadonlyMap<number, readonly OutputLine[]> {
  const out = new Map<number, OutputLine[]>();
  const open = new Map<number, { text: string; origin: Origin }>();
  const emit = (text: string, origin: Origin) => {
    const to = m4.diversion;
    if (to < 0) return;
    for (const [i, part] of text.split("\n").entries()) {
      if (i > 0) {
        linesOf(out, to).push(open.get(to) ?? { text: "", origin });
        open.delete(to);
      }
      const line = open.get(to);
      if (line !== undefined) line.text += part;
      else if (part !== "") open.set(to, { text: part, origin });
    }
  };
  const bounds = { steps: 0 };
  readAll(m4, m4.input, emit, bounds);
  for (const text of m4.wrapped.splice(0)) {
    m4.input.push(text, m4.input.origin());
    readAll(m4, m4.input, emit, bounds);
  }
  for (const [to, line] of open) linesOf(out, to).push(line);
  return out;
}

function linesOf(out: Map<number, OutputLine[]>, diversion: number): OutputLine[] {
  const lines = out.get(diversion) ?? [];
  out.set(diversion, lines);
  return lines;
}

type Emit = (text: string, origin: Origin) => void;
interface Bounds {
  steps: number;
}

function readAll(m4: M4, input: M4Input, emit: Emit, bounds: Bounds): void {
  while (input.peek() !== undefined) {
    const origin = input.origin();
    const token = readToken(m4, input, bounds, 0);
    if (token !== undefined) emit(token.text, origin);
  }
}

function expandAlone(m4: M4, text: string, origin: Origin): string {
  const before = m4.input;
  m4.input = m4Input("", origin.file);
  m4.input.push(text, origin);
  let result = "";
  const bounds = { steps: 0 };
  try {
    while (m4.input.peek() !== undefined) result += readToken(m4, m4.input, bounds, 0)?.text ?? "";
  } finally {
    m4.input = before;
  }
  return result;
}

/** The next piece of output, or undefined when a macro was put in front instead. `special`: an unquoted , ( or ). */
function readToken(
  m4: M4,
  input: M4Input,
  bounds: Bounds,
  depth: number,
): { readonly text: string; readonly special: boolean } | undefined {
  const origin = input.origin();
  if (++bounds.steps > MAX_STEPS || input.pending() > MAX_PENDING) {
    throw new ConfigError(origin.file, origin.line, "macros expand without end");
  }
  if (depth > MAX_DEPTH) {
    throw new ConfigError(origin.file, origin.line, `calls nested more than ${MAX_DEPTH} deep`);
  }
  const [quote] = m4.quotes;
  if (quote !== "" && input.startsWith(quote)) return { text: readQuoted(m4, input), special: false };
  if (m4.comment !== "" && input.startsWith(m4.comment)) {
    return { text: input.take(/[^\n]*\n?/y) ?? "", special: false };
  }
  const word = input.take(WORD);
  if (word === undefined) {
    const plain = input.take(PLAIN);
    const text = plain ?? input.next() ?? "";
    return { text, special: plain === undefined && text !== "\n" };
  }
  const macro = macroOf(m4, word);
  const listed = input.startsWith("(");
  if (macro === undefined || (macro.kind === "host" && macro.needsList === true && !listed)) {
    return { text: word, special: false };
  }
  m4.used.set(word, (m4.used.get(word) ?? 0) + 1);
  const args = listed ? readArguments(m4, input, bounds, { depth: depth + 1, origin, word }) : [];
  const call: M4Call = { name: word, args, listed, origin };
  input.push(macro.kind === "host" ? macro.run(call) : substitute(macro.body, call), origin);
  return undefined;
}

/** A quoted text, without its outermost quotes. */
function readQuoted(m4: M4, input: M4Input): string {
  const [open, close] = m4.quotes;
  const origin = input.origin();
  input.skip(open.length);
  const parts: string[] = [];
  for (let level = 1; ; ) {
    const next = input.peek();
    if (next === undefined)
      throw new ConfigError(origin.file, origin.line, `the quote ${open} is never closed`);
    // The closing one first: with equal quotes nothing nests.
    if (input.startsWith(close)) {
      input.skip(close.length);
      if (--level === 0) return parts.join("");
      parts.push(close);
    } else if (input.startsWith(open)) {
      input.skip(open.length);
      level += 1;
      parts.push(open);
    } else {
      parts.push(input.next() ?? "");
    }
  }
}

function readArguments(
  m4: M4,
  input: M4Input,
  bounds: Bounds,
  { depth, origin, word }: { depth: number; origin: Origin; word: string },
): string[] {
  input.skip(1);
  const args: string[] = [];
  for (;;) {
    input.take(/\s+/y);
    const parts: string[] = [];
    for (let level = 0; ; ) {
      if (input.peek() === undefined) {
        throw new ConfigError(
          origin.file,
          origin.line,
          `the arguments of ${word}( have no closing parenthesis`,
        );
      }
      const token = readToken(m4, input, bounds, depth);
      if (token === undefined) continue;
      if (token.special && level === 0 && token.text === ",") break;
      if (token.special && level === 0 && token.text === ")") return [...args, parts.join("")];
      if (token.special && token.text === "(") level += 1;
      if (token.special && token.text === ")") level -= 1;
      parts.push(token.text);
    }
    args.push(parts.join(""));
  }
}

/** Puts the arguments into a macro's body: `$1`, `$#`, `$*`, `$@`. */
function substitute(body: string, { args, name }: M4Call): string {
  return body.replace(
    /\$(?:(\d)|([#*@]))/g,
    (_whole, digit: string | undefined, sign: string | undefined) => {
      if (digit !== undefined) return digit === "0" ? name : (args[Number(digit) - 1] ?? "");
      if (sign === "#") return String(args.length);
      return sign === "*" ? args.join(",") : args.map((a) => `\`${a}'`).join(",");
    },
  );
}
