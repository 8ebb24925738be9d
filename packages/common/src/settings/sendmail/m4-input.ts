/**
 * What an m4 reader still has to read: the file's text below, the expansions of macros above it. Every character knows the
 * file and line it stands for; an expansion stands where its macro was called.
 */
import type { Origin } from "./model.ts";

interface Source {
  readonly text: string;
  at: number;
  readonly file: string;
  line: number;
  /** An expansion keeps the line of its call. */
  readonly fixed: boolean;
}

/** The input. */
export interface M4Input {
  /** The next characters, without taking them; only as far as the topmost source goes. */
  startsWith(text: string): boolean;
  /** The next character, or undefined at the end. */
  peek(): string | undefined;
  /** Takes one character. */
  next(): string | undefined;
  /** Takes `count` characters of the topmost source. */
  skip(count: number): void;
  /** Takes the longest match of a sticky expression in the topmost source; undefined when there is none. */
  take(pattern: RegExp): string | undefined;
  /** Where the next character is. */
  origin(): Origin;
  /** Puts an expansion in front. */
  push(text: string, origin: Origin): void;
  /** Puts another file in front. */
  include(text: string, file: string): void;
  /** Octets (characters) waiting in expansions, which is what a runaway macro makes grow. */
  pending(): number;
}

/** An input over one file. */
export function m4Input(text: string, file: string): M4Input {
  const stack: Source[] = [{ text, at: 0, file, line: 1, fixed: false }];
  let waiting = text.length;

  const top = (): Source | undefined => {
    while (stack.length > 1 && stack.at(-1)!.at >= stack.at(-1)!.text.length)
      waiting -= stack.pop()!.text.length;
    const source = stack.at(-1)!;
    return source.at < source.text.length ? source : undefined;
  };
  const advance = (source: Source, count: number): string => {
    const taken = source.text.slice(source.at, source.at + count);
    source.at += count;
    if (!source.fixed) {
      for (let i = taken.indexOf("\n"); i >= 0; i = taken.indexOf("\n", i + 1)) source.line += 1;
    }
    return taken;
  };
  const push = (added: Source) => {
    if (added.text === "") return;
    waiting += added.text.length;
    stack.push(added);
  };

  return {
    startsWith: (wanted) => {
      const source = top();
      return source?.text.startsWith(wanted, source.at) === true;
    },
    peek: () => {
      const source = top();
      return source?.text[source.at];
    },
    next: () => {
      const source = top();
      return source === undefined ? undefined : advance(source, 1);
    },
    skip: (count) => {
      const source = top();
      if (source !== undefined) advance(source, count);
    },
    take: (pattern) => {
      const source = top();
      if (source === undefined) return undefined;
      pattern.lastIndex = source.at;
      const match = pattern.exec(source.text);
      return match === null ? undefined : advance(source, match[0].length);
    },
    origin: () => {
      const { file: name, line } = top() ?? stack[0]!;
      return { file: name, line };
    },
    push: (expansion, origin) =>
      push({ text: expansion, at: 0, file: origin.file, line: origin.line, fixed: true }),
    include: (content, name) => push({ text: content, at: 0, file: name, line: 1, fixed: false }),
    pending: () => waiting,
  };
}
