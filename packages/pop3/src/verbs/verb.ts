/**
 * What a verb is: where it is legal and what it does.
 */

import type { Client } from "../connection/client.ts";
import type { Output } from "../connection/output.ts";
import type { Maildrop } from "../maildrop/maildrop.ts";
import type { Updated } from "../maildrop/update.ts";

/** The states of RFC 1939 in which commands are taken; UPDATE happens within QUIT. */
export type SessionState =
  | {
      readonly kind: "authorization";
      /** Given with USER, waiting for PASS. */
      readonly user: string | undefined;
      readonly failures: number;
    }
  | { readonly kind: "transaction"; readonly user: string; readonly drop: Maildrop }
  | { readonly kind: "over" };

/** What a verb may do with its session. */
export interface VerbSession {
  readonly client: Client;
  readonly out: Output;
  readonly hostname: string;
  state: SessionState;
  /** Checks a password, opens the mailbox and answers. */
  logIn(user: string, password: string): Promise<void>;
  /** Takes the deleted messages out of the mbox (the UPDATE state) and gives the mailbox back. */
  update(drop: Maildrop): Promise<Updated>;
  /** A message was fetched: whoever fetches may send. */
  fetched(): void;
  /** A mailbox could not be read. */
  fault(reason: string): void;
}

/** A verb in a state in which there is a mailbox. */
export type TransactionRun = (session: VerbSession, drop: Maildrop, argument: string) => Promise<void>;

/** A row of the table of verbs. */
export interface Verb {
  /** What it does before login; absent: it is not legal there. */
  readonly authorization?: (session: VerbSession, argument: string) => Promise<void>;
  /** What it does after login; absent: it is not legal there. */
  readonly transaction?: TransactionRun;
  /** Line of CAPA that tells of it (RFC 2449). */
  readonly capability?: string;
}
