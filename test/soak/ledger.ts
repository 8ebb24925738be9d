/**
 * Every message of a run and every place where it must turn up, once: mailboxes, the other company's host, reports to the sender.
 *
 * Kept are only those that have not come yet, so a run may be of any length. A message may be seen before its sender has read the reply.
 */

/** The place of a message that was relayed. */
export const RELAYED = "relayed";

/** The place of a report on a message in its sender's mailbox. */
export function reportTo(user: string): string {
  return `report to ${user}`;
}

/** The books. */
export class Ledger {
  /** Arrivals that are missing (positive) or that nobody has promised yet (negative), by mark and place. */
  readonly #open = new Map<string, number>();
  promised = 0;
  seen = 0;

  /** The host has taken a message over. */
  promise(mark: number, places: readonly string[]): void {
    for (const place of places) this.#add(`${mark} ${place}`, 1);
    this.promised += places.length;
  }

  /** It has come to a place. */
  found(mark: number, place: string): void {
    this.#add(`${mark} ${place}`, -1);
    this.seen += 1;
  }

  /** Arrivals on their way. */
  get outstanding(): number {
    return this.#open.size;
  }

  /** What is missing, and what came twice or was never promised. */
  audit(): { readonly lost: readonly string[]; readonly surplus: readonly string[] } {
    const all = [...this.#open];
    return {
      lost: all.filter(([, count]) => count > 0).map(([key]) => key),
      surplus: all.filter(([, count]) => count < 0).map(([key]) => key),
    };
  }

  #add(key: string, by: number): void {
    const count = (this.#open.get(key) ?? 0) + by;
    if (count === 0) this.#open.delete(key);
    else this.#open.set(key, count);
  }
}
