/**
 * What the bench measures: mailhost, and its peers where they are installed. Each runs from a temporary folder on high
 * loopback ports and is ended by the process id that was started.
 */
import type { Scope } from "../test/harness/host.ts";
import type { Mailboxes } from "./pop3-mailboxes.ts";
import type { ProcessGroup } from "./process-group.ts";

/** A server that takes mail for `b00@bench.test` to `b49@bench.test`. */
export interface SmtpPeer {
  readonly name: string;
  readonly version: string;
  /** Why it can not be measured here; undefined when it can. */
  readonly missing?: string;
  /** It takes mail and forgets it, so that only what it accepts is measured. */
  readonly acceptsOnly?: boolean;
  /** Its processes become another user by a set-uid program, which a tracer with a filter in the kernel keeps them from. */
  readonly setuid?: boolean;
  /** It sends what is for elsewhere to the sink. */
  readonly relays?: boolean;
  /** Starts it anew, with empty mailboxes; `prefix` runs it, such as strace; `sink` is the port of its smart host. */
  start(
    scope: Scope,
    prefix?: readonly string[],
    sink?: number,
  ): Promise<{ readonly port: number; readonly mailboxes: string }>;
}

/** A server with a mailbox for each of its users. */
export interface Pop3Peer {
  readonly name: string;
  readonly version: string;
  readonly missing?: string;
  /** Starts it for these users, with empty mailboxes. */
  start(scope: Scope, users: readonly string[]): Promise<RunningPop3>;
}

/** A POP3 server that runs. */
export interface RunningPop3 extends Mailboxes {
  readonly port: number;
  /** Everybody's. */
  readonly password: string;
  /** All that it consists of. */
  readonly group: ProcessGroup;
}

/** The user id that owns the peers' mailboxes; neither serves root's. */
export const OWNER = 12_345;

/** The mailboxes of the load. */
export const MAILBOXES = Array.from({ length: 50 }, (_, i) => `b${String(i).padStart(2, "0")}`);
export const DOMAIN = "bench.test";
