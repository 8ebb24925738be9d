/**
 * Goes through the pages of an LMDB data file that nobody writes at the moment: each is in one tree, in one list of free pages, or
 * nowhere. A page that is in two places is going to be written over, or ends the process with an assertion as soon as it is taken twice.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { type LmdbMeta, NO_PAGE, PAGE_HEADER, readNewestMeta } from "./file.ts";

/** With more pages than this the trees are not gone through, which takes too long (800 MiB with pages of 4 KiB). */
const MOST_PAGES = 200_000;

const NODE_HEADER = 8;
const BRANCH = 0x01;
const OVERFLOW_NODE = 0x01;
const TABLE_NODE = 0x02;
/** Where the root is in what is stored of a table. */
const TABLE_ROOT = 40;

const IN_TREE = 1;
const FREE = 2;

/**
 * What is wrong with the pages of a file, or undefined.
 *
 * @param most pages beyond which only the lists of free pages are looked at
 * @throws when the file cannot be read
 */
export function lmdbPageFault(path: string, most = MOST_PAGES): string | undefined {
  const fd = openSync(path, "r");
  try {
    const meta = readNewestMeta(fd);
    return meta === undefined ? undefined : new Pages(fd, meta).fault(most);
  } catch (error) {
    if (error instanceof PageFault) return error.message;
    // A length or a place that leads out of its page.
    if (error instanceof RangeError) return "a page of it makes no sense";
    throw error;
  } finally {
    closeSync(fd);
  }
}

class PageFault extends Error {}

class Pages {
  readonly #fd: number;
  readonly #meta: LmdbMeta;
  readonly #count: number;
  readonly #seen: Uint8Array;

  constructor(fd: number, meta: LmdbMeta) {
    this.#fd = fd;
    this.#meta = meta;
    this.#count = Number(meta.lastPage) + 1;
    this.#seen = new Uint8Array(this.#count);
  }

  fault(most: number): string | undefined {
    const [free, main] = this.#meta.roots;
    this.#walk(free!, (_, value) => this.#takeFree(value()));
    if (this.#count > most) return undefined;
    this.#walk(main!, (flags, value) => {
      if ((flags & TABLE_NODE) !== 0) this.#walk(value().readBigUInt64LE(TABLE_ROOT), () => undefined);
    });
    return undefined;
  }

  /** A list of free pages: a length, then pages, blocks as minus their length and their first page, and gaps of 0. */
  #takeFree(list: Buffer): void {
    const length = Number(list.readBigUInt64LE(0));
    for (let i = 1; i <= length; i++) {
      const value = Number(list.readBigInt64LE(8 * i));
      if (value > 0) this.#note(value, 1, FREE);
      else if (value < 0) this.#note(Number(list.readBigInt64LE(8 * ++i)), -value, FREE);
    }
  }

  #note(first: number, count: number, as: number): void {
    for (let page = first; page < first + count; page++) {
      if (page < 2 || page >= this.#count)
        throw new PageFault(`page ${page} is not one of its ${this.#count}`);
      const was = this.#seen[page];
      if (was === as) throw new PageFault(`page ${page} is ${as === FREE ? "free" : "used"} twice`);
      if (was !== 0) throw new PageFault(`page ${page} is used and free`);
      this.#seen[page] = as;
    }
  }

  #walk(root: bigint, visit: (flags: number, value: () => Buffer) => void): void {
    if (root === NO_PAGE) return;
    const number = Number(root);
    this.#note(number, 1, IN_TREE);
    const page = this.#read(number, 1);
    const isBranch = (page.readUInt16LE(18) & BRANCH) !== 0;
    const nodes = page.readUInt16LE(20) >> 1;
    for (let i = 0; i < nodes; i++) {
      const at = PAGE_HEADER + page.readUInt16LE(PAGE_HEADER + 2 * i);
      const low = page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 0x1_0000;
      const flags = page.readUInt16LE(at + 4);
      if (isBranch) {
        this.#walk(BigInt(low) + BigInt(flags) * 0x1_0000_0000n, visit);
        continue;
      }
      const value = at + NODE_HEADER + page.readUInt16LE(at + 6);
      if ((flags & OVERFLOW_NODE) === 0) visit(flags, () => page.subarray(value, value + low));
      else {
        const first = Number(page.readBigUInt64LE(value));
        const count = Math.ceil((PAGE_HEADER + low) / this.#meta.pageSize);
        this.#note(first, count, IN_TREE);
        visit(flags, () => this.#read(first, count).subarray(PAGE_HEADER));
      }
    }
  }

  #read(page: number, count: number): Buffer {
    const bytes = Buffer.alloc(count * this.#meta.pageSize);
    const read = readSync(this.#fd, bytes, 0, bytes.length, page * this.#meta.pageSize);
    if (read < bytes.length) throw new PageFault(`page ${page} is beyond its end`);
    return bytes;
  }
}
