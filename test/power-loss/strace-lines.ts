/**
 * Reads what strace(1) wrote with `-f -ttt -y -s 10000000`: each call with its arguments, when it began and when it ended. A call that
 * was interrupted by others' lines is put together again.
 */

/** A system call that succeeded. */
export interface TracedCall {
  readonly name: string;
  /** The process that made it, by the number of its first thread. */
  readonly process: number;
  /** As strace writes them, split at the commas between them. */
  readonly arguments: readonly string[];
  readonly result: number;
  /** What the result leads to, for a descriptor: its path. */
  readonly resultPath: string | undefined;
  /** Seconds since 1970. */
  readonly began: number;
  readonly ended: number;
}

/** The calls of a trace, in the order in which they ended. Those that failed are left out. */
export function readTrace(text: string): TracedCall[] {
  const begun = new Map<string, { readonly text: string; readonly at: number }>();
  const calls: TracedCall[] = [];
  const processes = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, thread, time, rest] = /^(\d+) +(\d+\.\d+) (.*)$/.exec(line) ?? [];
    if (thread === undefined || time === undefined || rest === undefined) continue;
    const at = Number(time);
    if (rest.endsWith(" <unfinished ...>")) {
      begun.set(thread, { text: rest.slice(0, -" <unfinished ...>".length), at });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const start = resumed === undefined ? { text: "", at } : begun.get(thread);
    if (start === undefined) continue;
    begun.delete(thread);
    const call = parsed(start.text + (resumed ?? rest));
    if (call === undefined) continue;
    const process = processes.get(thread) ?? Number(thread);
    if (/^(?:clone3?|v?fork)$/.test(call.name)) {
      const isThread = call.arguments.some((argument) => argument.includes("CLONE_THREAD"));
      processes.set(String(call.result), isThread ? process : call.result);
    } else calls.push({ ...call, process, began: start.at, ended: at });
  }
  return calls;
}

function parsed(text: string): Omit<TracedCall, "began" | "ended" | "process"> | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(") ");
  if (open < 0 || close < open) return undefined;
  const [, result, resultPath] = /^\) += (-?\d+)(?:<([^>]*)>)?/.exec(text.slice(close)) ?? [];
  if (result === undefined || Number(result) < 0) return undefined;
  return {
    name: text.slice(0, open),
    arguments: split(text.slice(open + 1, close)),
    result: Number(result),
    resultPath,
  };
}

/** Splits at commas that are neither in quotes nor in brackets. */
function split(text: string): string[] {
  const parts: string[] = [];
  let [from, depth] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
    } else if (sign === "[" || sign === "{" || sign === "(") depth++;
    else if (sign === "]" || sign === "}" || sign === ")") depth--;
    else if (sign === "," && depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  const last = text.slice(from).trim();
  return last === "" ? parts : [...parts, last];
}

const LETTERS: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, v: 11, f: 12, a: 7, b: 8 };

/**
 * The bytes of a string as strace writes it.
 *
 * @throws when it was cut short
 */
export function bytesOf(quoted: string): Buffer {
  if (!quoted.startsWith('"') || !quoted.endsWith('"'))
    throw new Error(`not a whole string: ${quoted.slice(-40)}`);
  const bytes = Buffer.alloc(quoted.length);
  let length = 0;
  for (let at = 1; at < quoted.length - 1; at++) {
    if (quoted[at] !== "\\") {
      bytes[length++] = quoted.charCodeAt(at);
      continue;
    }
    const octal = /^[0-7]{1,3}/.exec(quoted.slice(at + 1, at + 4))?.[0];
    const sign = quoted[at + 1]!;
    bytes[length++] = octal === undefined ? (LETTERS[sign] ?? sign.charCodeAt(0)) : Number.parseInt(octal, 8);
    at += octal?.length ?? 1;
  }
  return bytes.subarray(0, length);
}

/** A descriptor as `-y` writes it: its number and the path that it leads to. */
export function descriptorOf(argument: string): { readonly fd: number; readonly path: string } | undefined {
  const [, fd, path] = /^(\d+)<(\/[^>]*)>(?:\(deleted\))?$/.exec(argument) ?? [];
  return fd === undefined || path === undefined ? undefined : { fd: Number(fd), path };
}
