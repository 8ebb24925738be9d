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
  /** Where they are before they are in the table; undefined for one that is not there. */
  fresh: (id: string) => Buffer | undefined;
  readonly bodies: Database<Buffer, string>;
  /** Folder of those over 64 KiB. */
  readonly large: string;
}

/** The message of an entry. Nothing is read before it is asked for. */
export function storedBody({ id, size }: QueueEntry, places: BodyPlaces): MessageBody {
  const { recent, bodies, large } = places;
  if (size > SMALL_MESSAGE) {
    return {
      size,
      file: dfPath(large, id),
      whole: () => undefined,
      stream: (start = 0) => readDf(large, id, size, start),
    };
  }
  const whole = () => {
    // What the table gives is a copy: its pages are used anew once the message is gone.
    const bytes = recent.get(id) ?? places.fresh(id) ?? bodies.get(id);
    return bytes?.length === size ? bytes : undefined;
  };
  return {
    size,
    whole,
    async *stream(start = 0) {
      if (start >= size) return;
      const bytes = whole();
      if (bytes === undefined) throw new Error(`the message of ${id} is not in the queue`);
      yield start === 0 ? bytes : bytes.subarray(start);
    },
  };
}

/** Why the message of an entry cannot be delivered, or undefined. */
export async function bodyFault(entry: QueueEntry, places: BodyPlaces): Promise<string | undefined> {
  if (entry.size > SMALL_MESSAGE) return dfFault(places.large, entry.id, entry.size);
  const { id } = entry;
  if (places.recent.get(id) !== undefined || places.bodies.doesExist(id)) return undefined;
  return places.fresh(id) === undefined ? "the message is missing in the queue" : undefined;
}
