/**
 * The thread that writes mailboxes: takes orders, writes them by synchronous calls, answers. While one mailbox waits for the disk,
 * others are locked and written.
 */
import { constants } from "node:fs";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { systemClock } from "@mailhost/common/clock";
import { syncFileSystem } from "@mailhost/common/fs/sync-file-system";
import { readWhole } from "@mailhost/common/fs/whole-io";
import { collectGarbage, collectWhenIdle, loopBusiness } from "../idle-collection.ts";
import type { MessageBody } from "../queue/queue-store.ts";
import type { Letter, MailboxWriter } from "./mailbox-order.ts";
import type {
  Answer,
  FromThread,
  PostedLetter,
  PostedOrder,
  ThreadData,
  ToThread,
} from "./mailbox-thread-messages.ts";
import { createMailboxWriter } from "./mailbox-writer.ts";
import { OrderTurns } from "./order-turns.ts";

/** Octets of a file that are read at a time. */
const PIECE = 128 * 1024;
/** After so many octets of one letter others have their turn. */
const TURN = 1024 * 1024;
/** One that is longer keeps no other order waiting. */
const LONG = 16 * 1024 * 1024;

const { O_RDONLY, O_NOFOLLOW } = constants;

/** Answers orders until the process says that nothing more will come. */
function serve(port: MessagePort, { stateDir }: ThreadData): void {
  const post = (message: FromThread, transfer: readonly ArrayBuffer[] = []) =>
    port.postMessage(message, transfer);
  const log = {
    write: (level: "error" | "warn" | "info" | "debug", text: string) => post({ level, text }),
    close: () => Promise.resolve(),
  };
  const writer = createMailboxWriter({
    site: { stateDir },
    clock: systemClock,
    log,
    fileSystem: syncFileSystem,
  });
  const pieces = new AskedPieces(post);
  const answers = new Answers(post);
  const turns = new OrderTurns<PostedOrder>((order, givePlaceUp) =>
    carryOut(order, { writer, pieces, answers, post }, givePlaceUp),
  );
  port.on("message", (message: ToThread) => {
    if ("orders" in message) for (const order of message.orders) turns.take(order);
    else if ("of" in message) pieces.came(message);
    else void writer.close().finally(() => port.close());
  });
}

interface Serving {
  readonly writer: MailboxWriter;
  readonly pieces: AskedPieces;
  readonly answers: Answers;
  readonly post: (message: FromThread) => void;
}

async function carryOut(
  order: PostedOrder,
  { writer, pieces, answers, post }: Serving,
  givePlaceUp: () => void,
): Promise<void> {
  const { id, bytes, paths, uid, lockTimeout, limit } = order;
  // Named one by one: what is added to a copy made with `...` gets a hidden class of its own, for each letter anew.
  const letters = order.letters.map((posted): Letter => {
    const { sender, receivedAt, note } = posted;
    return { sender, receivedAt, note, body: bodyOf(posted, bytes, pieces, givePlaceUp) };
  });
  const outcomes = await writer.write({ paths, uid, lockTimeout, limit, letters }, () => {
    post({ waits: id });
    givePlaceUp();
  });
  answers.give({ id, outcomes, bytes });
}

/** Answers of one turn of the loop go together: waking the other thread costs more than they do. */
class Answers {
  readonly #post: (message: FromThread, transfer: readonly ArrayBuffer[]) => void;
  #waiting: Answer[] = [];

  constructor(post: (message: FromThread, transfer: readonly ArrayBuffer[]) => void) {
    this.#post = post;
  }

  give(answer: Answer): void {
    if (this.#waiting.push(answer) > 1) return;
    setImmediate(() => {
      const answers = this.#waiting;
      this.#waiting = [];
      this.#post(
        { answers },
        answers.map(({ bytes }) => bytes),
      );
    });
  }
}

function bodyOf(
  { size, at, file, asked }: PostedLetter,
  bytes: ArrayBuffer,
  pieces: AskedPieces,
  givePlaceUp: () => void,
): MessageBody {
  const whole = at === undefined ? undefined : Buffer.from(bytes, at, size);
  return {
    size,
    whole: () => whole,
    async *stream() {
      if (whole !== undefined) yield whole;
      else if (file !== undefined) yield* readFile(file, size, givePlaceUp);
      else if (asked !== undefined) {
        // Each of its pieces is waited for.
        givePlaceUp();
        yield* pieces.of(asked);
      } else throw new Error("the message is missing");
    },
  };
}

/** A file's pieces; each stays as it is until the next is asked for. */
async function* readFile(path: string, size: number, givePlaceUp: () => void): AsyncGenerator<Buffer> {
  const file = await syncFileSystem.open(path, O_RDONLY | O_NOFOLLOW);
  try {
    // One for all pieces: memory that is new for each costs more than reading into it.
    const buffer = Buffer.allocUnsafeSlow(Math.min(PIECE, size));
    for (let done = 0; done < size; ) {
      const piece = buffer.subarray(0, Math.min(PIECE, size - done));
      if ((await readWhole(file, piece, done)) < piece.length)
        throw new Error(`${path}: is shorter than ${size} octets`);
      yield piece;
      done += piece.length;
      if (done === LONG) givePlaceUp();
      if (done % TURN === 0) await new Promise(setImmediate);
    }
  } finally {
    await file.close();
  }
}

/** Letters that come piece by piece. */
class AskedPieces {
  readonly #post: (message: FromThread) => void;
  readonly #waiting = new Map<number, (message: Extract<ToThread, { readonly of: number }>) => void>();

  constructor(post: (message: FromThread) => void) {
    this.#post = post;
  }

  came(message: Extract<ToThread, { readonly of: number }>): void {
    const take = this.#waiting.get(message.of);
    this.#waiting.delete(message.of);
    take?.(message);
  }

  /** The pieces of a letter. */
  async *of(asked: number): AsyncGenerator<Buffer> {
    let isOver = false;
    try {
      for (;;) {
        const { piece, error } = await new Promise<Extract<ToThread, { readonly of: number }>>((take) => {
          this.#waiting.set(asked, take);
          this.#post({ wanted: asked });
        });
        if (piece === undefined) isOver = true;
        if (error !== undefined) throw new Error(error);
        if (piece === undefined) return;
        yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
      }
    } finally {
      if (!isOver) this.#post({ enough: asked });
    }
  }
}

if (parentPort !== null) {
  collectWhenIdle({ clock: systemClock, busy: loopBusiness(), collect: collectGarbage });
  serve(parentPort, workerData as ThreadData);
}
