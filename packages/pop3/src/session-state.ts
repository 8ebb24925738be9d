/**
 * The states of a session (RFC 1939 sections 4 to 6). What a state needs comes with it, so that no code can ask for the
 * mailbox of somebody who has not logged in.
 */
import type { Maildrop } from "./maildrop/maildrop.ts";

/** Nobody is logged in. */
export interface Authorization {
  readonly kind: "authorization";
  /** What USER said, waiting for PASS. */
  readonly user?: string;
}

/** A mailbox is open. */
export interface Transaction {
  readonly kind: "transaction";
  /** The account's name. */
  readonly user: string;
  readonly drop: Maildrop;
}

/** The connection ends once its last reply is sent. */
export interface Over {
  readonly kind: "over";
}

export type SessionState = Authorization | Transaction | Over;
