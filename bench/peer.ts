/**
 * What the bench measures: mailhost, and its peers where they are installed. Each runs from a temporary folder on high
 * loopback ports and is ended by the process id that was started.
 */
import type { Scope } from "../test/harness/host.ts";

/** A server that takes mail for `b00@bench.test` to `b49@bench.test`. */
export interface SmtpPeer {
  readonly name: string;
  readonly version: string;
  /** Why it can not be measured here; undefined when it can. */
  readonly missing?: string;
  /** Starts it anew, with empty mailboxes; `prefix` runs it, such as strace. */
  start(
    scope: Scope,
    prefix?: readonly string[],
  ): Promise<{ readonly port: number; readonly mailboxes: string }>;
}

/** A server that serves the mbox of one user. */
export interface Pop3Peer {
  readonly name: string;
  readonly version: string;
  readonly missing?: string;
  /** Starts it over an mbox file of `big`, which is moved to where it belongs. */
  start(scope: Scope, mbox: string): Promise<RunningPop3>;
}

/** A POP3 server over the big mbox. */
export interface RunningPop3 {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Where the mbox is now. */
  readonly mbox: string;
  /** Process ids whose memory counts; asked after each login. */
  processes(): number[];
}

/** The mailboxes of the load. */
export const MAILBOXES = Array.from({ length: 50 }, (_, i) => `b${String(i).padStart(2, "0")}`);
export const DOMAIN = "bench.test";
