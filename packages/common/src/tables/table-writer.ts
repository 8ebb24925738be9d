/**
 * Writes the compiled form of a table (table-file.ts) from entries that come in the order of their keys.
 *
 * It holds one block of each level, however many entries there are.
 */
import { createHash, randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import {
  BLOCK_HEADER,
  type BlockPlace,
  blockChecksum,
  type CompiledMeta,
  type SourceMark,
  trailerOf,
} from "./table-file.ts";

/** A leaf is closed at this size, octets: one page of the file system. */
const LEAF_SIZE = 4096;
/** A block above the leaves, which readers keep. */
const INDEX_SIZE = 16_384;
/** Octets that are collected for one write. */
const WRITE_SIZE = 1 << 20;

/** A block that is being filled. */
class OpenBlock {
  firstKey = "";
  size = 1;
  readonly #items: Buffer[] = [];
  readonly #places: number[] = [];
  readonly #level: number;

  constructor(level: number) {
    this.#level = level;
  }

  get count(): number {
    return this.#items.length;
  }

  add(key: string, item: Buffer): void {
    if (this.count === 0) this.firstKey = key;
    this.#places.push(this.size);
    this.#items.push(item);
    this.size += item.length;
  }

  payload(): Buffer {
    const places = Buffer.alloc(this.#places.length * 4 + 4);
    let at = 0;
    for (const place of this.#places) at = places.writeUInt32LE(place, at);
    places.writeUInt32LE(this.#places.length, at);
    return Buffer.concat([Buffer.from([this.#level]), ...this.#items, places]);
  }
}

/** Writes one table to a file that is open. Keys and values are strings of octets (`toOctets`). */
export class TableWriter {
  readonly #fd: number;
  readonly #id = randomBytes(8).toString("hex");
  readonly #digest = createHash("sha256");
  readonly #levels: OpenBlock[] = [new OpenBlock(0)];
  #pending: Buffer[] = [];
  #pendingSize = 0;
  #size = 0;
  #entries = 0;
  #lastKey = "";

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** How many entries there are so far. */
  get entries(): number {
    return this.#entries;
  }

  /**
   * Takes an entry. Its key must not be less than the one before; of equal keys the first is the one that is found.
   */
  add(key: string, value: string): void {
    if (this.#entries > 0 && key < this.#lastKey)
      throw new Error(`table writer: key ${key} after ${this.#lastKey}`);
    const item = leafItem(key, value);
    this.#digest.update(item);
    const leaf = this.#levels[0]!;
    // Equal keys stay together, so that a look-up has to read one leaf only.
    if (leaf.count > 0 && leaf.size + item.length > LEAF_SIZE && key !== this.#lastKey) this.#close(0);
    this.#levels[0]!.add(key, item);
    this.#lastKey = key;
    this.#entries++;
  }

  /** Writes what is still open, and the page at the end. */
  finish(kind: CompiledMeta["kind"], source: SourceMark): CompiledMeta {
    const root = this.#entries === 0 ? null : this.#closeAll();
    const meta: CompiledMeta = {
      kind,
      entries: this.#entries,
      size: this.#size,
      id: this.#id,
      digest: this.#digest.digest("hex"),
      root,
      source,
    };
    this.#put(trailerOf(meta));
    this.#flush();
    return meta;
  }

  /** Closes the levels from below; the last block written is the root. */
  #closeAll(): BlockPlace {
    for (let level = 0; ; level++) {
      const top = level === this.#levels.length - 1;
      const place = this.#write(level);
      if (top) return place.place;
      this.#enter(level + 1, place.firstKey, place.place);
    }
  }

  #close(level: number): void {
    const { firstKey, place } = this.#write(level);
    this.#enter(level + 1, firstKey, place);
  }

  #enter(level: number, key: string, place: BlockPlace): void {
    const item = indexItem(key, place);
    const open = this.#levels[level];
    if (open === undefined) this.#levels[level] = new OpenBlock(level);
    // Two items at least, or a tree of very long keys would not come to an end.
    else if (open.size + item.length > INDEX_SIZE && open.count >= 2) this.#close(level);
    this.#levels[level]!.add(key, item);
  }

  #write(level: number): { firstKey: string; place: BlockPlace } {
    const block = this.#levels[level]!;
    this.#levels[level] = new OpenBlock(level);
    const payload = block.payload();
    const place = { at: this.#size, length: BLOCK_HEADER + payload.length };
    const header = Buffer.alloc(BLOCK_HEADER);
    header.writeUInt32LE(blockChecksum(payload, place.at, this.#id), 0);
    header.writeUInt32LE(payload.length, 4);
    this.#put(header);
    this.#put(payload);
    this.#size += place.length;
    return { firstKey: block.firstKey, place };
  }

  #put(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#pendingSize += bytes.length;
    if (this.#pendingSize >= WRITE_SIZE) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingSize = 0;
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
  }
}

function leafItem(key: string, value: string): Buffer {
  const head: number[] = [];
  varint(head, key.length);
  varint(head, value.length);
  const item = Buffer.allocUnsafe(head.length + key.length + value.length);
  item.set(head);
  item.write(key, head.length, "latin1");
  item.write(value, head.length + key.length, "latin1");
  return item;
}

function indexItem(key: string, place: BlockPlace): Buffer {
  const head: number[] = [];
  varint(head, key.length);
  const item = Buffer.allocUnsafe(head.length + 10 + key.length);
  item.set(head);
  item.writeUIntLE(place.at, head.length, 6);
  item.writeUInt32LE(place.length, head.length + 6);
  item.write(key, head.length + 10, "latin1");
  return item;
}

/** Seven bits an octet, the lowest first; the highest bit says that more follow. */
function varint(into: number[], value: number): void {
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) into.push((rest % 128) | 0x80);
  into.push(rest);
}
