/**
 * What a program's end says of a delivery: the exit codes of sysexits(3) and the replies that Sendmail makes of them.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import {
  EX_CANTCREAT,
  EX_CONFIG,
  EX_DATAERR,
  EX_IOERR,
  EX_NOHOST,
  EX_NOINPUT,
  EX_NOPERM,
  EX_NOUSER,
  EX_OK,
  EX_OSERR,
  EX_OSFILE,
  EX_PROTOCOL,
  EX_SOFTWARE,
  EX_TEMPFAIL,
  EX_UNAVAILABLE,
  EX_USAGE,
} from "@mailhost/common/sysexits";
import type { Outcome } from "./outcome.ts";
import type { ProgramEnd } from "./program-runner.ts";

/** Sendmail's replies, by exit code; the temporary ones are 4xx. */
const REPLIES: ReadonlyMap<number, SmtpReply> = new Map(
  (
    [
      [EX_USAGE, 500, "5.0.0", "Command line usage error"],
      [EX_DATAERR, 501, "5.6.0", "Data format error"],
      [EX_NOINPUT, 550, "5.3.0", "Cannot open input"],
      [EX_NOUSER, 550, "5.1.1", "User unknown"],
      [EX_NOHOST, 550, "5.1.2", "Host unknown"],
      [EX_UNAVAILABLE, 554, "5.0.0", "Service unavailable"],
      [EX_SOFTWARE, 554, "5.3.0", "Internal error"],
      [EX_OSERR, 451, "4.0.0", "Operating system error"],
      [EX_OSFILE, 554, "5.3.5", "System file missing"],
      [EX_CANTCREAT, 550, "5.0.0", "Can't create output"],
      [EX_IOERR, 451, "4.0.0", "I/O error"],
      [EX_PROTOCOL, 554, "5.5.0", "Remote protocol error"],
      [EX_NOPERM, 550, "5.0.0", "Insufficient permission"],
      [EX_CONFIG, 554, "5.3.5", "Local configuration error"],
    ] as const
  ).map(([exit, code, enhanced, text]) => [exit, { code, enhanced, text }]),
);

/** How the reply to an exit code begins that sysexits(3) does not have. */
export const UNKNOWN_EXIT = "unknown mailer error ";

/** The exit code that a reply was made of; its text is then what Sendmail's log says of it. Undefined for other replies. */
export function exitCodeOf({ code, enhanced, text }: SmtpReply): number | undefined {
  const unknown = /^unknown mailer error (\d+)$/.exec(text);
  if (unknown !== null) return Number(unknown[1]);
  return [...REPLIES].find(
    ([, reply]) => reply.code === code && reply.enhanced === enhanced && reply.text === text,
  )?.[0];
}

/** Lines of a program's output that a report shows; the last ones say why it ended. */
const MOST_LINES = 50;

/** Whose end it was, for the texts: `prog`, `/bin/sh`. */
export interface EndedProgram {
  /** As in the log's `mailer=`. */
  readonly mailer: string;
  readonly program: string;
}

/**
 * The outcome of a run. Exit code 0 is a delivery, whatever the program read of its input; an end by a signal or by the
 * time limit is temporary, as is whatever kept it from starting.
 */
export function outcomeOfEnd(end: ProgramEnd, { mailer, program }: EndedProgram): Outcome {
  const named = `${mailer} mailer (${program})`;
  switch (end.kind) {
    case "exit":
      return outcomeOfExit(end.code, end.output, { mailer, program });
    case "signal":
      return deferred(mailer, "4.0.0", `mailer ${mailer} died with signal ${end.signal}`);
    case "time limit":
      return deferred(mailer, "4.0.0", `${named} did not end within ${Math.round(end.limit / 1000)} seconds`);
    case "no start":
      return deferred(mailer, "4.3.0", `${named} cannot be started: ${end.reason}`);
    case "no message":
      return deferred(mailer, "4.3.0", `queued message cannot be read: ${end.reason}`);
    case "stopped":
      return deferred(mailer, "4.3.2", `${named} was ended: mailhost stops`);
  }
}

function outcomeOfExit(code: number, output: string, { mailer, program }: EndedProgram): Outcome {
  if (code === EX_OK) {
    const reply: SmtpReply = { code: 250, enhanced: "2.0.0", text: "Sent" };
    return { kind: "delivered", relay: mailer, reply, dsnRelayed: false };
  }
  if (code === EX_TEMPFAIL) {
    return deferred(mailer, "4.0.0", `${mailer} mailer (${program}) exited with EX_TEMPFAIL`);
  }
  const reply = REPLIES.get(code) ?? { code: 554, enhanced: "5.3.0", text: UNKNOWN_EXIT + String(code) };
  if (reply.code < 500) return { kind: "deferred", relay: mailer, reply };
  return { kind: "failed", relay: mailer, reply, transcript: linesOf(output) };
}

function linesOf(output: string): string[] {
  return output
    .split(/\r?\n/)
    .filter((line) => line !== "")
    .slice(-MOST_LINES);
}

function deferred(relay: string, enhanced: string, text: string): Outcome {
  return { kind: "deferred", relay, reply: { code: 451, enhanced, text } };
}
