/**
 * Mailboxes are written by a thread of their own, so that sessions go on while one is locked, filled and synced.
 *
 * A thread that dies is told of in the log and started anew, at most once a second. What it had been asked for is deferred and comes
 * again; as after a crash of the process, a letter that was written and not yet answered for comes twice at worst.
 */
import type { Worker } from "node:worker_threads";
import type { Clock } from "@mailhost/common/clock";
import { startThread } from "@mailhost/common/daemon/start-thread";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { surviveFileSizeLimit } from "@mailhost/common/mbox/dotlock";
import type { Site } from "@mailhost/common/site";
import type { MessageBody } from "../queue/queue-store.ts";
import { LetterMemory } from "./letter-memory.ts";
import type { MailboxOrder, MailboxWriter } from "./mailbox-order.ts";
import { deferred } from "./mailbox-outcome.ts";
import type {
  FromThread,
  PostedLetter,
  PostedOrder,
  ThreadData,
  ToThread,
} from "./mailbox-thread-messages.ts";
import type { Outcome } from "./outcome.ts";

/** What it works with. */
export interface MailboxThreadParts {
  readonly site: Pick<Site, "stateDir">;
  readonly clock: Clock;
  readonly log: Log;
  /** Starts a thread; by default mailbox-thread-main. */
  readonly start?: (data: ThreadData) => Worker;
}

/** How long after its start a thread that died is started anew (ms). */
const PAUSE = 1000;

/** The thread keeps nothing between batches: a young generation of 4 MiB does (with 2 a message costs more), not the 32 it would fill. */
const LIMITS = { maxYoungGenerationSizeMb: 6 } as const;

interface Pending {
  readonly letters: number;
  answer(outcomes: Outcome[]): void;
  readonly givePlaceUp: () => void;
}

/** A letter that the thread asks for piece by piece. */
interface Asked {
  readonly order: number;
  readonly body: MessageBody;
  pieces?: AsyncIterator<Buffer>;
}

type Source = Required<Pick<MessageBody, "size" | "copyTo">>;

/** Starts the thread. */
export function startMailboxThread(parts: MailboxThreadParts): MailboxWriter {
  return new MailboxThread(parts);
}

class MailboxThread implements MailboxWriter {
  readonly #parts: MailboxThreadParts;
  readonly #pending = new Map<number, Pending>();
  readonly #asked = new Map<number, Asked>();
  readonly #memory = new LetterMemory();
  #worker: Worker | undefined;
  /** ms since 1970. */
  #startedAt = Number.NEGATIVE_INFINITY;
  /** Orders of this turn of the loop, which go together. */
  #outgoing: PostedOrder[] = [];
  #names = 0;
  #ended: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(parts: MailboxThreadParts) {
    this.#parts = parts;
    // The thread has no handlers of signals: what it gets comes to the process.
    surviveFileSizeLimit();
    this.#start();
  }

  write(order: MailboxOrder, givePlaceUp: () => void): Promise<Outcome[]> {
    return new Promise((answer) => {
      const id = this.#names++;
      this.#pending.set(id, { letters: order.letters.length, answer, givePlaceUp });
      this.#worker?.ref();
      if (this.#outgoing.push(this.#posted(id, order)) === 1) setImmediate(() => this.#send());
    });
  }

  /** An engine that has been retired when the host stops is closed twice: both wait for the one end. */
  close(): Promise<void> {
    this.#closed ??= new Promise((done) => {
      if (this.#worker === undefined) {
        done();
        return;
      }
      this.#ended = done;
      this.#worker.ref();
      this.#post({ end: true });
    });
    return this.#closed;
  }

  #start(): void {
    const { clock, log, start = startWorker, site } = this.#parts;
    this.#startedAt = clock.now();
    try {
      const worker = start({ stateDir: site.stateDir });
      this.#worker = worker;
      worker.unref();
      worker.on("message", (message: FromThread) => this.#heard(message));
      worker.on("error", (error) => this.#lost(worker, messageOf(error)));
      worker.on("exit", (code) => this.#lost(worker, `it ended with ${code}`));
    } catch (error) {
      log.write(
        "error",
        `local delivery: the thread that writes mailboxes can not be started: ${messageOf(error)}`,
      );
    }
  }

  /** All letters that can be had at once in one piece of memory, which changes hands. */
  #posted(id: number, order: MailboxOrder): PostedOrder {
    const { letters } = order;
    const sources = letters.map(({ body }) => sourceOf(body));
    const memory = this.#memory.take(sources.reduce((sum, source) => sum + (source?.size ?? 0), 0));
    const bytes = Buffer.from(memory);
    let used = 0;
    const posted = letters.map((given, i): PostedLetter => {
      const { body, sender, receivedAt, note } = given;
      const source = sources[i];
      if (source !== undefined && isCopied(source, bytes, used)) {
        const at = used;
        used += source.size;
        // Named one by one: a rest pattern costs more than the copy.
        return { sender, receivedAt, note, size: source.size, at };
      }
      const letter = { sender, receivedAt, note };
      if (body.file !== undefined) return { ...letter, size: body.size, file: body.file };
      const asked = this.#names++;
      this.#asked.set(asked, { order: id, body });
      return { ...letter, size: body.size, asked };
    });
    const { paths, uid, lockTimeout, limit } = order;
    return { paths, uid, lockTimeout, limit, id, letters: posted, bytes: memory };
  }

  #send(): void {
    const orders = this.#outgoing;
    this.#outgoing = [];
    if (this.#worker === undefined && Math.abs(this.#parts.clock.now() - this.#startedAt) >= PAUSE)
      this.#start();
    if (this.#worker === undefined) for (const { id } of orders) this.#giveUp(id);
    else {
      this.#worker.ref();
      this.#post(
        { orders },
        orders.map(({ bytes }) => bytes),
      );
    }
  }

  #post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  #heard(message: FromThread): void {
    if ("answers" in message) {
      for (const { id, outcomes, bytes } of message.answers) {
        this.#memory.giveBack(bytes);
        this.#answer(id, [...outcomes]);
      }
    } else if ("waits" in message) this.#pending.get(message.waits)?.givePlaceUp();
    else if ("wanted" in message) void this.#sendPiece(message.wanted);
    else if ("enough" in message) this.#forgetPieces(message.enough);
    else this.#parts.log.write(message.level, message.text);
  }

  #answer(id: number, outcomes: Outcome[]): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    for (const [asked, { order }] of this.#asked) {
      if (order !== id) continue;
      this.#forgetPieces(asked);
      this.#asked.delete(asked);
    }
    if (this.#pending.size === 0 && this.#ended === undefined) this.#worker?.unref();
    pending?.answer(outcomes);
  }

  #giveUp(id: number): void {
    const outcome = deferred("4.3.0", "mailboxes can not be written now");
    this.#answer(
      id,
      Array.from({ length: this.#pending.get(id)?.letters ?? 0 }, () => outcome),
    );
  }

  async #sendPiece(of: number): Promise<void> {
    const asked = this.#asked.get(of);
    let message: ToThread = { of, piece: undefined };
    try {
      if (asked === undefined) throw new Error("nobody has it any more");
      asked.pieces ??= asked.body.stream()[Symbol.asyncIterator]();
      const next = await asked.pieces.next();
      // A copy goes: the piece may be part of something that others have.
      if (next.done === true) delete asked.pieces;
      else message = { of, piece: next.value };
    } catch (error) {
      delete asked?.pieces;
      message = { of, piece: undefined, error: messageOf(error) };
    }
    this.#post(message);
  }

  #forgetPieces(asked: number): void {
    const letter = this.#asked.get(asked);
    // Whether its file can be closed well is nobody's business any more.
    letter?.pieces?.return?.().catch(() => undefined);
    delete letter?.pieces;
  }

  #lost(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    if (this.#ended !== undefined && this.#pending.size === 0) {
      this.#ended();
      return;
    }
    this.#parts.log.write("error", `local delivery: the thread that writes mailboxes died: ${reason}`);
    const outgoing = new Set(this.#outgoing.map(({ id }) => id));
    for (const id of [...this.#pending.keys()]) if (!outgoing.has(id)) this.#giveUp(id);
    this.#ended?.();
  }
}

/** Where a letter comes from that can be had at once. What can not be read is told by its stream. */
function sourceOf(body: MessageBody): Source | undefined {
  if (canCopy(body)) return body;
  try {
    const whole = body.whole();
    if (whole === undefined) return undefined;
    return { size: whole.length, copyTo: (target, at) => whole.copy(target, at) === whole.length };
  } catch {
    return undefined;
  }
}

function canCopy(body: MessageBody): body is MessageBody & Source {
  return body.copyTo !== undefined;
}

/** Puts a letter into an order's memory. */
function isCopied(source: Source, bytes: Buffer, at: number): boolean {
  try {
    return source.copyTo(bytes, at);
  } catch {
    return false;
  }
}

/** Starts mailbox-thread-main. */
export function startWorker(workerData: ThreadData): Worker {
  return startThread("./mailbox-thread-main", import.meta.url, { workerData, resourceLimits: LIMITS });
}
