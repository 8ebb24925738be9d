/**
 * The turns of orders in the thread that writes mailboxes. Its file calls are synchronous: many orders at once are done no sooner than a
 * few, and each has a buffer of its own, of which four are kept (mbox/append); what forty had was garbage of 10 MiB.
 */

/** Orders that are carried out at once. One that reads a long letter lets others have the processor meanwhile. */
const AT_ONCE = 4;

/** Orders that wait, and those that are being carried out. */
export class OrderTurns<T> {
  readonly #act: (order: T, givePlaceUp: () => void) => Promise<void>;
  readonly #waiting: T[] = [];
  #running = 0;

  /**
   * @param act carries an order out, and never rejects; whoever has to wait for another program's lock gives its place up before
   */
  constructor(act: (order: T, givePlaceUp: () => void) => Promise<void>) {
    this.#act = act;
  }

  /** Carries an order out when it is its turn. */
  take(order: T): void {
    this.#waiting.push(order);
    this.#next();
  }

  #next(): void {
    while (this.#running < AT_ONCE) {
      const order = this.#waiting.shift();
      if (order === undefined) return;
      this.#running++;
      let placed = true;
      const leave = () => {
        if (!placed) return;
        placed = false;
        this.#running--;
        this.#next();
      };
      void this.#act(order, leave).finally(leave);
    }
  }
}
