/**
 * The message of an entry, from where it is: the memory of what was just committed, the table of bodies, or a file.
 */
import type { Database } from "lmdb";
import { dfFault, dfPath, readDf } from "./large-body.ts";
import { SMALL_MESSAGE } from "./message-writer.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { MessageBody } from "./queue-store.ts";
import type { RecentBodies } from "./recent-bodies.ts";

/** Where messages are. */
export interface BodyPlaces {
  readonly recent: RecentBodies;
  /** Where they are before they are in the table, read to a place or to memory of its own; undefined for one that is not there. */
  fresh: (id: string, into?: Buffer) => Buffer | undefined;
  readonly bodies: Database<Buffer, string>;
  /** Folder of those over 64 KiB. */
  readonly large: string;
}

/** The message of an entry. Nothing is read before it is asked for. */
export function storedBody({ id, size }: QueueEntry, places: BodyPlaces): MessageBody {
  if (size <= SMALL_MESSAGE) return new SmallBody(id, size, places);
  const { large } = places;
  return {
    size,
    file: dfPath(large, id),
    whole: () => undefined,
    stream: (start = 0) => readDf(large, id, size, start),
  };
}

/** A message that is in memory or a table. Many wait at once: a class, so that each is three words and not seven functions. */
class SmallBody implements MessageBody {
  readonly #id: string;
  readonly #places: BodyPlaces;
  readonly size: number;

  constructor(id: string, size: number, places: BodyPlaces) {
    this.#id = id;
    this.size = size;
    this.#places = places;
  }

  whole(): Buffer | undefined {
    const { recent, fresh } = this.#places;
    const bytes = recent.get(this.#id) ?? fresh(this.#id) ?? this.#inTable();
    return bytes?.length === this.size ? bytes : undefined;
  }

  copyTo(target: Buffer, at: number): boolean {
    const { recent, fresh } = this.#places;
    const { size } = this;
    const kept = recent.get(this.#id);
    if (kept === undefined && fresh(this.#id, target.subarray(at, at + size)) !== undefined) return true;
    const bytes = kept ?? this.#inTable();
    return bytes?.length === size && bytes.copy(target, at) === size;
  }

  letGo(): void {
    this.#places.recent.drop(this.#id);
  }

  async *stream(start = 0): AsyncGenerator<Buffer> {
    if (start >= this.size) return;
    const bytes = this.whole();
    if (bytes === undefined) throw new Error(`the message of ${this.#id} is not in the queue`);
    yield start === 0 ? bytes : bytes.subarray(start);
  }

  /** A copy: the table's pages are used anew once the message is gone. */
  #inTable(): Buffer | undefined {
    const { bodies } = this.#places;
    // It may have come there since the reading of this turn of the loop began.
    bodies.resetReadTxn();
    return bodies.get(this.#id);
  }
}

/** Why the message of an entry cannot be delivered, or undefined. */
export function bodyFault(entry: QueueEntry, places: BodyPlaces): string | undefined {
  if (entry.size > SMALL_MESSAGE) return dfFault(places.large, entry.id, entry.size);
  const { id } = entry;
  if (places.recent.get(id) !== undefined) return undefined;
  // As when it is read: a message that has just come there must not be taken for missing, and held.
  places.bodies.resetReadTxn();
  if (places.bodies.doesExist(id)) return undefined;
  return places.fresh(id) === undefined ? "the message is missing in the queue" : undefined;
}
