/**
 * The log as a command that lives for a moment writes it: each line at once, by one append, with nothing loaded for it.
 * The lines are those of log.ts.
 */
import { appendFileSync, closeSync, openSync } from "node:fs";
import { hostname } from "node:os";
import { messageOf, UserError } from "../errors.ts";
import { EX_CANTCREAT } from "../sysexits.ts";
import { escaped, logLine } from "./line.ts";
import type { Log, LogOptions } from "./log.ts";

/**
 * Opens the log file.
 *
 * @throws UserError when it cannot be written
 */
export function openCommandLog(options: LogOptions): Log {
  const { file, format, tag, level: verbosity } = options;
  try {
    closeSync(openSync(file, "a", 0o640));
  } catch (error) {
    throw new UserError(`${file}: the log cannot be written: ${messageOf(error)}`, EX_CANTCREAT, {
      cause: error,
    });
  }
  const host = hostname().split(".")[0] ?? "localhost";
  return {
    verbosity,
    write(level, text) {
      if (level === "debug" && verbosity < 14) return;
      const now = options.clock?.now() ?? Date.now();
      try {
        appendFileSync(
          file,
          `${logLine({ format, now, host, tag, pid: process.pid, level }, escaped(text))}\n`,
        );
      } catch {
        // A full disk must not end the command: the line is lost, the mail is not.
      }
    },
    close: () => Promise.resolve(),
  };
}

/** A log that drops everything. */
export const NO_LOG: Log = { write: () => undefined, close: () => Promise.resolve() };
