/**
 * One turn of the event loop: what was looked at in it need not be looked at again before the next.
 *
 * A decision looks into tables a dozen times without a pause; a file that changes meanwhile is seen by the next
 * command of any client, since commands come in turns of their own.
 */

/** Counts turns. Only turns in which somebody asks are told apart from the one before. */
export class Turn {
  #number = 0;
  #ending = false;

  /** The number of the present turn. */
  get number(): number {
    if (!this.#ending) {
      this.#ending = true;
      setImmediate(() => {
        this.#ending = false;
        this.#number++;
      });
    }
    return this.#number;
  }
}
