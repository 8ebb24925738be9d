/**
 * The log: one line an event, in `var/log/mail.log`, in the form that Sendmail and Qpopper give to syslog, or JSON.
 *
 * winston writes the file. Every process of the host opens it for appending, so lines of several never mix. Lines that come
 * close together go to it together: the first of a quiet log, and whatever is a warning or worse, at the end of its turn of the
 * event loop, others at most {@link REST} later. That is all that a process loses which is killed. Message text and secrets
 * never reach it: control characters are escaped here, once, for all callers.
 */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import winston from "winston";
import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { messageOf, UserError } from "../errors.ts";
import { EX_CANTCREAT } from "../sysexits.ts";
import { escaped, lineWriter } from "./line.ts";

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

/** Least time between two writes of lines that can wait (ms): each costs more than all else about a line, and another thread is woken for it. */
const REST = 20;

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
    // What is written was chosen, and made into lines, before it comes here.
    format: winston.format.printf(({ message }) => String(message)),
    transports: [transport],
    exitOnError: false,
  });
  // A full disk must not end the process: the line is lost, the mail is not.
  transport.on("error", () => undefined);
  logger.on("error", () => undefined);
  const lineOf = lineWriter({ format: options.format, host, tag: options.tag, pid: process.pid });
  const debugs = options.level >= 14;
  let gathered: string[] = [];
  let state: "idle" | "due" | "resting" = "idle";
  let rest: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(rest);
    if (gathered.length > 0) {
      const lines = gathered.join("\n");
      gathered = [];
      logger.info(lines);
      state = "resting";
      rest = setTimeout(flush, REST).unref();
    } else state = "idle";
  };
  return {
    verbosity: options.level,
    write(level, text) {
      if (level === "debug" && !debugs) return;
      gathered.push(lineOf(clock.now(), level, escaped(text)));
      const waits = state === "resting" && (level === "info" || level === "debug");
      if (state === "due" || waits) return;
      state = "due";
      setImmediate(flush);
    },
    close: () =>
      new Promise((done) => {
        flush();
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
