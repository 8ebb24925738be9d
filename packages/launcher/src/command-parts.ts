/**
 * What the grammars of all commands share.
 */
import { DEFAULT_ROOT, type Site, siteAt } from "@mailhost/common/site";
import type { Terminal } from "./terminal.ts";

/** What a command's grammar is given. */
export interface CommandParts {
  readonly terminal: Terminal;
  /** Takes the exit code when the command has ended. */
  readonly done: (exitCode: number) => void;
}

/** Options that every command has. */
export interface CommonOptions {
  readonly root?: string | undefined;
}

/** The site of a command: `--root`, else MAILHOST_ROOT, else `/`. */
export function siteOf(args: CommonOptions): Site {
  return siteAt(args.root ?? process.env.MAILHOST_ROOT ?? DEFAULT_ROOT);
}

/** The record without the keys that were not given. */
export function defined<T extends object>(
  given: T,
): { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T]?: Exclude<T[K], undefined>;
} {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}
