/**
 * What the grammars of all commands share.
 */
import { UserError } from "@mailhost/common/errors";
import { DEFAULT_ROOT, type Site, siteAt } from "@mailhost/common/site";
import { EX_USAGE } from "@mailhost/common/sysexits";
import type { Terminal } from "./terminal.ts";

/** What a command's grammar is given. */
export interface CommandParts {
  readonly terminal: Terminal;
  /** Takes the exit code when the command has ended. */
  readonly done: (exitCode: number) => void;
}

/** Options that every command has. */
export interface CommonOptions {
  readonly root?: string | readonly string[] | undefined;
}

/**
 * The site of a command: `--root`, else MAILHOST_ROOT, else `/`.
 *
 * @throws UserError when two roots are given
 */
export function siteOf({ root }: CommonOptions): Site {
  if (typeof root === "object") throw new UserError("--root: give one directory", EX_USAGE);
  return siteAt(root ?? process.env.MAILHOST_ROOT ?? DEFAULT_ROOT);
}

/** The record without the keys that were not given. */
export function defined<T extends object>(
  given: T,
): { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T]?: Exclude<T[K], undefined>;
} {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}
