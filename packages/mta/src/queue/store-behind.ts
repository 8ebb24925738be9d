/**
 * What a store that stands before another one leaves to it as it is.
 */
import type { QueueEntry } from "./queue-entry.ts";
import type { DueRow, MessageBody, QueueStore } from "./queue-store.ts";

/** The store behind. */
export class StoreBehind {
  readonly #behind: QueueStore;

  constructor(behind: QueueStore) {
    this.#behind = behind;
  }

  queuedDrop(name: string): string | undefined {
    return this.#behind.queuedDrop(name);
  }

  queuedDrops(): string[] {
    return this.#behind.queuedDrops();
  }

  forgetDrop(name: string): Promise<void> {
    return this.#behind.forgetDrop(name);
  }

  body(entry: QueueEntry): MessageBody {
    return this.#behind.body(entry);
  }

  bodyFault(entry: QueueEntry): string | undefined {
    return this.#behind.bodyFault(entry);
  }

  unreadable(): Iterable<{ readonly id: string; readonly reason: string }> {
    return this.#behind.unreadable();
  }

  due(now: number, limit: number): string[] {
    return this.#behind.due(now, limit);
  }

  dueRows(now: number, limit: number, after?: DueRow): DueRow[] {
    return this.#behind.dueRows(now, limit, after);
  }

  nextDue(): number | undefined {
    return this.#behind.nextDue();
  }
}
