/**
 * What the process and the thread that writes its mailboxes say to each other.
 *
 * The letters of an order come as one piece of memory that changes hands, not as copies, and goes back with the answer. Larger ones
 * are read from their file by the thread itself; what is neither in memory nor a file, a message with rewritten headers, say, is asked
 * for piece by piece.
 */
import type { Level } from "@mailhost/common/log/log";
import type { MailboxOrder } from "./mailbox-order.ts";
import type { Outcome } from "./outcome.ts";

/** What the thread is started with. */
export interface ThreadData {
  /** As a site's. */
  readonly stateDir: string;
}

/** An order on its way. */
export interface PostedOrder extends Omit<MailboxOrder, "letters"> {
  /** Names it in the answer. */
  readonly id: number;
  /** The letters that are in memory, one behind the other; there may be room behind them. */
  readonly bytes: ArrayBuffer;
  readonly letters: readonly PostedLetter[];
}

/** A letter on its way. */
export interface PostedLetter {
  readonly sender: string;
  readonly receivedAt: number;
  readonly note: string;
  readonly size: number;
  /** Where it begins in the order's bytes. */
  readonly at?: number;
  /** The file that it is in. */
  readonly file?: string;
  /** The name by which it is asked for, piece by piece. */
  readonly asked?: number;
}

/** To the thread. */
export type ToThread =
  | { readonly orders: readonly PostedOrder[] }
  /** The next piece of a letter that was asked for: none at its end, or why it can not be read. */
  | { readonly piece: Uint8Array | undefined; readonly of: number; readonly error?: string }
  /** Nothing more will come. */
  | { readonly end: true };

/** From the thread. */
export type FromThread =
  | { readonly answers: readonly Answer[] }
  /** The mailbox of an order is locked by another program, which is waited for. */
  | { readonly waits: number }
  /** The next piece of a letter is wanted. */
  | { readonly wanted: number }
  /** No more pieces are wanted. */
  | { readonly enough: number }
  | { readonly level: Level; readonly text: string };

/** The outcomes of an order. */
export interface Answer {
  readonly id: number;
  readonly outcomes: readonly Outcome[];
  /** The order's memory. */
  readonly bytes: ArrayBuffer;
}
