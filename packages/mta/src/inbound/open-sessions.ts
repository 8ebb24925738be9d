/**
 * The sessions of a listener that are open, in place of the Set that smtp-server makes for them.
 *
 * When a Set has been added to and deleted from for a while, V8 gives it a new table and lets the old one refer to it and to what it
 * held. Once one of those tables is old enough for the old generation, all that come after it are kept until the next full collection,
 * with every session that was ever in them: 3 KB of each, which a young collection would have dropped for nothing.
 */
import type { SMTPConnection } from "smtp-server/lib/smtp-connection.js";

/** Sessions in any order. To leave takes time by how many there are: a microsecond for a thousand. */
export class OpenSessions extends Set<SMTPConnection> {
  readonly #sessions: SMTPConnection[] = [];

  override get size(): number {
    return this.#sessions.length;
  }

  override has(session: SMTPConnection): boolean {
    return this.#sessions.includes(session);
  }

  override add(session: SMTPConnection): this {
    if (!this.has(session)) this.#sessions.push(session);
    return this;
  }

  override delete(session: SMTPConnection): boolean {
    const place = this.#sessions.indexOf(session);
    if (place < 0) return false;
    const last = this.#sessions.pop()!;
    if (place < this.#sessions.length) this.#sessions[place] = last;
    return true;
  }

  override clear(): void {
    this.#sessions.length = 0;
  }

  /** Those that are open now: whoever leaves meanwhile is among them. */
  override values(): SetIterator<SMTPConnection> {
    return new Set(this.#sessions).values();
  }

  override keys(): SetIterator<SMTPConnection> {
    return this.values();
  }

  override entries(): SetIterator<[SMTPConnection, SMTPConnection]> {
    return new Set(this.#sessions).entries();
  }

  override [Symbol.iterator](): SetIterator<SMTPConnection> {
    return this.values();
  }

  override forEach(
    visit: (session: SMTPConnection, again: SMTPConnection, set: Set<SMTPConnection>) => void,
  ): void {
    for (const session of this.values()) visit(session, session, this);
  }
}
