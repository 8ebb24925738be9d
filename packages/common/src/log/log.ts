/**
 * The log: one line an event, in `var/log/mail.log`, in the form that Sendmail and Qpopper give to syslog, or JSON.
 *
 * winston writes the file. Every process of the host opens it for appending, so lines of several never mix. Message
 * text and secrets never reach it: control characters are escaped here, once, for all callers.
 */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import winston from "winston";
import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { messageOf, UserError } from "../errors.ts";
import { EX_CANTCREAT } from "../sysexits.ts";
import { escaped, logLine } from "./line.ts";

export { syslogTime } from "./line.ts";

/** Severities, as syslog's. */
export type Level = "error" | "warn" | "info" | "debug";

/** A place to write events to. */
export interface Log {
  /** Sendmail's LogLevel: callers leave out what it does not ask for. Absent: 9, Sendmail's default. */
  readonly verbosity?: number;
  /**
   * Writes one event.
   *
   * @param text the line after the tag: `QID: from=<a@b>, size=…`
   */
  write(level: Level, text: string): void;
  /** Resolves when everything written is in the file. */
  close(): Promise<void>;
}

/** How a log is opened. */
export interface LogOptions {
  readonly file: string;
  /** Program name of the line: `sendmail`, `popper`, `mailhost`. */
  readonly tag: string;
  readonly format: "sendmail" | "json";
  /** Debug lines are written at LogLevel 14 and above. */
  readonly level: number;
  readonly clock?: Clock;
}

/** Permissions of the file: it names who writes to whom. */
const MODE = 0o640;

/**
 * Opens the log file, making it and its folder when they are missing.
 *
 * @throws UserError when the file cannot be written
 */
export function openLog(options: LogOptions): Log {
  makeFile(options.file);
  const clock = options.clock ?? systemClock;
  const host = hostname().split(".")[0] ?? "localhost";
  const transport = new winston.transports.File({
    filename: options.file,
    options: { flags: "a", mode: MODE },
  });
  const logger = winston.createLogger({
    level: options.level >= 14 ? "debug" : "info",
    format: winston.format.printf(({ level, message }) =>
      logLine(
        { format: options.format, now: clock.now(), host, tag: options.tag, pid: process.pid, level },
        String(message),
      ),
    ),
    transports: [transport],
    exitOnError: false,
  });
  // A full disk must not end the process: the line is lost, the mail is not.
  transport.on("error", () => undefined);
  logger.on("error", () => undefined);
  return {
    verbosity: options.level,
    write(level, text) {
      logger.log(level, escaped(text));
    },
    close: () =>
      new Promise((done) => {
        transport.once("finish", () => done());
        logger.end();
      }),
  };
}

/** Winston says nothing of a file that it cannot open, and never closes it: so it is tried here first. */
function makeFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    closeSync(openSync(file, "a", MODE));
  } catch (error) {
    throw new UserError(`${file}: the log cannot be written: ${messageOf(error)}`, EX_CANTCREAT, {
      cause: error,
    });
  }
}

/** A log that drops everything, for tests and one-shot commands. */
export const silentLog: Log = { write: () => undefined, close: () => Promise.resolve() };
