/**
 * Reads a compiled table (table-file.ts): a look-up reads one block of each level from an open file.
 *
 * A small table is read whole and checked whole when it is opened, so whatever happens to the file afterwards cannot
 * harm it. A large one stays in its file; blocks are checked when they are read, and those above the leaves are kept.
 * A damaged block is a `ConfigError`, never a wrong answer.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { ConfigError } from "../errors.ts";
import {
  BLOCK_HEADER,
  type BlockPlace,
  blockChecksum,
  type CompiledMeta,
  fromOctets,
  LONGEST_BLOCK,
  readTrailer,
  TRAILER_SIZE,
} from "./table-file.ts";

export type { CompiledMeta } from "./table-file.ts";

/** Tables up to this size are read whole, octets. */
const SMALL = 1 << 20;
/** Blocks above the leaves that are kept for the next look-up, octets together; leaves are read anew each time. */
const KEPT = 2 << 20;
/** Room for a leaf of the usual size. */
const LEAF_ROOM = 8192;

/** A compiled table that is open for reading. It never changes; a rebuilt file is opened anew. */
export interface CompiledTable {
  readonly meta: CompiledMeta;
  /**
   * The first value of a key.
   *
   * @throws ConfigError when the part of the file that would hold it is damaged
   */
  get(key: string): string | undefined;
  /** All entries, in the order of their keys' octets; the file stays open until the last is read. */
  entries(): Iterable<[key: string, value: string]>;
  /** As `entries`, each a string of octets (`toOctets`). */
  octets(): Iterable<[key: string, value: string]>;
  /** Checks every block. */
  verify(): void;
  close(): void;
}

/**
 * Opens a compiled table.
 *
 * @param options.small up to which size a table is read whole, octets; a test's choice
 * @throws ConfigError saying why the file is refused; an error of the file system when it cannot be read
 */
export function openCompiledTable(file: string, options: { readonly small?: number } = {}): CompiledTable {
  const fd = openSync(file, "r");
  try {
    const { size } = fstatSync(fd);
    const tail = readAt(fd, Math.max(0, size - TRAILER_SIZE), Math.min(size, TRAILER_SIZE));
    const meta = readTrailer(file, size, readAt(fd, 0, 16), tail);
    if (size > (options.small ?? SMALL)) return new TableReader(file, meta, new OpenFile(fd));
    const whole = readAt(fd, 0, meta.size);
    const table = new TableReader(file, meta, { read: (at, n) => whole.subarray(at, at + n), close() {} });
    table.verify();
    closeSync(fd);
    return table;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Where a reader has its octets from; fewer than asked for come at the end only. */
interface Source {
  /** @param into where they go, when it is long enough; the octets are good until it is used again */
  read(at: number, length: number, into?: Buffer): Buffer;
  close(): void;
}

class OpenFile implements Source {
  readonly #fd: number;
  #open = true;

  constructor(fd: number) {
    this.#fd = fd;
  }

  read(at: number, length: number, into?: Buffer): Buffer {
    // A number that was given back may by now be another file's.
    return this.#open ? readAt(this.#fd, at, length, into) : Buffer.alloc(0);
  }

  close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }
}

function readAt(fd: number, at: number, length: number, into?: Buffer): Buffer {
  const bytes = into !== undefined && into.length >= length ? into : Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const read = readSync(fd, bytes, done, length - done, at + done);
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}

/** A block in memory. */
interface Block {
  readonly level: number;
  readonly count: number;
  readonly payload: Buffer;
}

class TableReader implements CompiledTable {
  readonly meta: CompiledMeta;
  readonly #file: string;
  readonly #source: Source;
  readonly #kept = new Map<number, Block>();
  /** Where the leaf of a look-up goes: a new buffer for each would keep the collector busy. */
  readonly #leaf = Buffer.allocUnsafe(LEAF_ROOM);
  #keptSize = 0;
  /** Iterations that are under way. */
  #readers = 0;
  #closed = false;

  constructor(file: string, meta: CompiledMeta, source: Source) {
    this.#file = file;
    this.meta = meta;
    this.#source = source;
  }

  get(key: string): string | undefined {
    const wanted = Buffer.from(key);
    return this.#guarded(() => {
      if (this.meta.root === null) return undefined;
      let block = this.#block(this.meta.root);
      for (;;) {
        const index = lowerBound(block, wanted);
        if (block.level === 0) {
          if (index === block.count || !wanted.equals(keyOf(block, index))) return undefined;
          return entryValue(block, index).toString("utf8");
        }
        const exact = index < block.count && wanted.equals(keyOf(block, index));
        if (index === 0 && !exact) return undefined;
        block = this.#below(block, exact ? index : index - 1, this.#leaf);
      }
    });
  }

  *entries(): Generator<[string, string]> {
    for (const [key, value] of this.octets()) yield [fromOctets(key), fromOctets(value)];
  }

  *octets(): Generator<[string, string]> {
    this.#readers++;
    try {
      const { root } = this.meta;
      if (root !== null) yield* this.#under(this.#guarded(() => this.#block(root)));
    } finally {
      this.#readers--;
      if (this.#closed && this.#readers === 0) this.#source.close();
    }
  }

  verify(): void {
    this.#guarded(() => {
      for (let at = 0; at < this.meta.size; ) {
        const header = this.#source.read(at, BLOCK_HEADER);
        if (header.length < BLOCK_HEADER) throw this.#damaged(at);
        const length = BLOCK_HEADER + header.readUInt32LE(4);
        this.#read({ at, length });
        at += length;
      }
    });
  }

  close(): void {
    this.#closed = true;
    if (this.#readers === 0) this.#source.close();
  }

  *#under(block: Block): Generator<[string, string]> {
    for (let i = 0; i < block.count; i++) {
      if (block.level > 0) {
        yield* this.#under(this.#guarded(() => this.#below(block, i)));
      } else {
        yield this.#guarded(() => [
          keyOf(block, i).toString("latin1"),
          entryValue(block, i).toString("latin1"),
        ]);
      }
    }
  }

  /** A block below, which must be one level deeper: a tree has no circles. A leaf goes into `into`. */
  #below(block: Block, index: number, into?: Buffer): Block {
    const place = placeOf(block, index);
    const below = block.level === 1 ? this.#read(place, into) : this.#block(place);
    if (below.level !== block.level - 1) throw this.#damaged(place.at);
    return below;
  }

  #block(place: BlockPlace): Block {
    const known = this.#kept.get(place.at);
    if (known !== undefined) return known;
    const block = this.#read(place);
    this.#keep(place.at, block);
    return block;
  }

  #keep(at: number, block: Block): void {
    this.#kept.set(at, block);
    this.#keptSize += block.payload.length;
    for (const [oldest, { payload }] of this.#kept) {
      if (this.#keptSize <= KEPT || oldest === at) break;
      this.#kept.delete(oldest);
      this.#keptSize -= payload.length;
    }
  }

  #read({ at, length }: BlockPlace, into?: Buffer): Block {
    if (length < BLOCK_HEADER + 5 || length > LONGEST_BLOCK || at + length > this.meta.size)
      throw this.#damaged(at);
    const bytes = this.#source.read(at, length, into);
    const payload = bytes.subarray(BLOCK_HEADER);
    const whole = bytes.length === length && bytes.readUInt32LE(4) === payload.length;
    if (!whole || bytes.readUInt32LE(0) !== blockChecksum(payload, at, this.meta.id)) throw this.#damaged(at);
    return { level: payload[0]!, count: payload.readUInt32LE(payload.length - 4), payload };
  }

  #damaged(at: number): ConfigError {
    return new ConfigError(
      this.#file,
      0,
      `is damaged (the checksum at ${at} does not match or its place is wrong); make it anew`,
    );
  }

  /** Octets that lead out of their block are damage that no checksum shows. */
  #guarded<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof RangeError) throw this.#damaged(0);
      throw error;
    }
  }
}

/** The first item whose key is not less than the wanted one. */
function lowerBound(block: Block, wanted: Buffer): number {
  let low = 0;
  let high = block.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(keyOf(block, middle), wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function itemAt({ payload, count }: Block, index: number): number {
  return payload.readUInt32LE(payload.length - 4 - (count - index) * 4);
}

function keyOf(block: Block, index: number): Buffer {
  const [length, at] = varint(block.payload, itemAt(block, index));
  const start = block.level > 0 ? at + 10 : varint(block.payload, at)[1];
  return block.payload.subarray(start, start + length);
}

function entryValue(block: Block, index: number): Buffer {
  const [keyLength, at] = varint(block.payload, itemAt(block, index));
  const [length, start] = varint(block.payload, at);
  return block.payload.subarray(start + keyLength, start + keyLength + length);
}

function placeOf(block: Block, index: number): BlockPlace {
  const [, at] = varint(block.payload, itemAt(block, index));
  return { at: block.payload.readUIntLE(at, 6), length: block.payload.readUInt32LE(at + 6) };
}

/** A number and where what follows it begins. */
function varint(bytes: Buffer, start: number): [value: number, next: number] {
  let value = 0;
  let factor = 1;
  for (let at = start; ; at++) {
    const octet = bytes.readUInt8(at);
    value += (octet & 0x7f) * factor;
    if (octet < 0x80) return [value, at + 1];
    factor *= 128;
  }
}
