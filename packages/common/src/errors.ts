/**
 * Errors that carry what their reader needs: an administrator gets file, line and value, a command its exit code,
 * an SMTP client a reply.
 */
import { EX_CONFIG } from "./sysexits.ts";

/** An error whose message is meant for the person at the command line; no stack trace is shown with it. */
export class UserError extends Error {
  override readonly name: string = "UserError";
  /** Exit code of the command that ends with it (sysexits). */
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** A fault in a file that an administrator wrote. Its message is `FILE:LINE: REASON`. */
export class ConfigError extends UserError {
  override readonly name = "ConfigError";
  readonly file: string;
  /** 1-based; 0 when the fault belongs to the file as a whole. */
  readonly line: number;
  readonly reason: string;

  constructor(file: string, line: number, reason: string, exitCode: number = EX_CONFIG) {
    super(line > 0 ? `${file}:${line}: ${reason}` : `${file}: ${reason}`, exitCode);
    this.file = file;
    this.line = line;
    this.reason = reason;
  }
}

/** An SMTP reply: `code enhanced text` (RFC 5321 section 4.2, RFC 2034). */
export interface SmtpReply {
  /** Three digits, 200 to 599. */
  readonly code: number;
  /** Enhanced status code such as `5.7.1` (RFC 3463); empty when the peer gave none. */
  readonly enhanced: string;
  /** The text after the codes, one line, free of control characters. */
  readonly text: string;
}

/** The error code of a system call (`ENOSPC`), or undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** What an unknown thrown value says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
