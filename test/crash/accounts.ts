/**
 * Who must have which message: what was acknowledged, and every copy of it that was found.
 *
 * A letter is a message for one recipient. It is found in a mailbox, at another host, in a report, or it was fetched. What a client
 * fetched and deleted in a session that was cut may still be in the mailbox: it counts as a copy only when no other is found.
 */

/** A letter and what is known of it. */
interface Letter {
  acknowledged: boolean;
  /** Copies that were found and are gone from where they were found. */
  taken: number;
  /** Fetched in a session whose end is not known. */
  maybe: boolean;
  /** An administrator removed it: `yes`, or the command was cut short. */
  removed?: "yes" | "perhaps";
  /** Between which kills it was sent. */
  round: number;
  /** Said already. */
  lost?: true;
  twice?: true;
}

/** Letters that are not as they must be. */
export interface Findings {
  readonly lost: readonly string[];
  readonly twice: readonly string[];
}

/** The accounts of a whole run. */
export class Accounts {
  readonly #letters = new Map<string, Letter>();
  /** Letters not yet seen to be well. */
  readonly #open = new Set<string>();
  readonly torn: string[] = [];
  acknowledged = 0;

  #letter(key: string, round: number): Letter {
    let letter = this.#letters.get(key);
    if (letter === undefined) {
      letter = { acknowledged: false, taken: 0, maybe: false, round };
      this.#letters.set(key, letter);
    }
    return letter;
  }

  /** The host has taken responsibility for a message. */
  acknowledge(mark: string, recipients: readonly string[], round: number): void {
    for (const recipient of recipients) {
      const key = letterKey(mark, recipient);
      this.#letter(key, round).acknowledged = true;
      this.#open.add(key);
    }
    this.acknowledged += 1;
  }

  /** A copy has been taken away from where it was: fetched and deleted, or given to another host. */
  taken(mark: string, recipient: string): void {
    this.#letter(letterKey(mark, recipient), -1).taken += 1;
    this.#open.add(letterKey(mark, recipient));
  }

  /** A copy was fetched, and perhaps deleted. */
  perhapsTaken(mark: string, recipient: string): void {
    this.#letter(letterKey(mark, recipient), -1).maybe = true;
    this.#open.add(letterKey(mark, recipient));
  }

  removed(mark: string, recipient: string, how: "yes" | "perhaps"): void {
    this.#letter(letterKey(mark, recipient), -1).removed = how;
  }

  /** How many acknowledged letters are nowhere, given what is in mailboxes now. */
  missing(inMailboxes: ReadonlyMap<string, number>): string[] {
    return [...this.#open].filter((key) => {
      const letter = this.#letters.get(key)!;
      if (!letter.acknowledged || letter.removed !== undefined) return false;
      return letter.taken === 0 && !letter.maybe && !inMailboxes.has(key);
    });
  }

  /** Judges all letters that are open or in a mailbox; each fault is told once. */
  audit(inMailboxes: ReadonlyMap<string, number>): Findings {
    const lost: string[] = [];
    const twice: string[] = [];
    for (const key of new Set([...this.#open, ...inMailboxes.keys()])) {
      const letter = this.#letter(key, -1);
      let copies = letter.taken + (inMailboxes.get(key) ?? 0);
      if (copies === 0 && letter.maybe) copies = 1;
      const must = letter.acknowledged && letter.removed === undefined;
      if (must && copies === 0 && letter.lost === undefined) {
        letter.lost = true;
        lost.push(key);
      }
      const most = letter.removed === "yes" ? 0 : 1;
      if (copies > most && letter.twice === undefined) {
        letter.twice = true;
        twice.push(key);
      }
      // What was taken away for good cannot come to harm any more; a second copy would open it again.
      if (letter.taken > 0 || letter.lost === true) this.#open.delete(key);
    }
    return { lost, twice };
  }
}

/** The name of a letter. */
export function letterKey(mark: string, recipient: string): string {
  return `${mark} ${recipient}`;
}
