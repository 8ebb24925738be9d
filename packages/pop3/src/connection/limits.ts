/**
 * How many sessions there may be, in all and from one address.
 */

/** A place among the sessions. */
export interface Place {
  /** Counts the session under its client's address; false when that has too many. */
  countFor(ip: string, limit: number): boolean;
  /** Lets another session have the place; the client goes on being counted until {@link leave}. */
  makeRoom(): void;
  /** Gives the place up; a second call does nothing. */
  leave(): void;
}

/** Counts sessions. */
export class SessionLimits {
  #total = 0;
  readonly #perClient = new Map<string, number>();

  /** Takes a place, or undefined when `limit` are taken. */
  enter(limit: number): Place | undefined {
    if (this.#total >= limit) return undefined;
    this.#total++;
    const perClient = this.#perClient;
    let counted: string | undefined;
    let here = true;
    const makeRoom = () => {
      if (here) this.#total--;
      here = false;
    };
    return {
      countFor: (ip, most) => {
        const sessions = perClient.get(ip) ?? 0;
        if (sessions >= most) return false;
        perClient.set(ip, sessions + 1);
        counted = ip;
        return true;
      },
      makeRoom,
      leave: () => {
        makeRoom();
        if (counted === undefined) return;
        const sessions = perClient.get(counted) ?? 0;
        if (sessions > 1) perClient.set(counted, sessions - 1);
        else perClient.delete(counted);
        counted = undefined;
      },
    };
  }
}
