/**
 * yescrypt, the `$y$` of crypt(3) that Debian, Ubuntu and Fedora hash passwords with: the default flavour with one lane and
 * no extra time (`$y$j…`), which is all that passwd, chpasswd and mkpasswd write.
 *
 * Written after the specification "yescrypt - scalable KDF and password hashing scheme" (Alexander Peslyak) and RFC 7914
 * (scrypt). It takes about a quarter of a second of one core at the usual cost: run it in a thread of its own.
 */
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/** crypt(3)'s digits, least first. */
const DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** `$y$j`, log2 N, r, salt, hash. Numbers of two digits and more, for costs nobody uses, are not read. */
const FORM = /^\$y\$j([./0-9A-Za-j])([./0-9A-Za-j])\$([./0-9A-Za-z]{0,86})\$([./0-9A-Za-z]{43})$/;

/** 32-bit words of the three S-boxes together, and of one. */
const BOX_WORDS = 3072;
const ONE_BOX = 1024;
/** Of the words in a box, those an index may name: 256 pairs of 64-bit numbers. */
const BOX_MASK = 0xff0;

/** What a hash says of itself. */
export interface YescryptParameters {
  /** Blocks in memory; a power of two. */
  readonly n: number;
  /** Size of a block, in 128 octets. */
  readonly r: number;
  readonly salt: Buffer;
  readonly hash: string;
}

/** Reads a `$y$` hash; undefined when it is none that can be checked. */
export function parseYescrypt(text: string): YescryptParameters | undefined {
  const [, n, r, salt, hash] = FORM.exec(text) ?? [];
  if (n === undefined || r === undefined || salt === undefined || hash === undefined) return undefined;
  const octets = decode(salt);
  if (octets === undefined) return undefined;
  return { n: 2 ** (DIGITS.indexOf(n) + 1), r: DIGITS.indexOf(r) + 1, salt: octets, hash };
}

/** The hash of a password under such parameters, in crypt(3)'s digits. */
export function yescrypt(password: Buffer, { n, r, salt }: YescryptParameters): string {
  const strong = n >= 0x100 && n * r >= 0x20000;
  const first = strong ? derive(password, salt, { n: n / 64, r, prehash: true }) : password;
  return encode(derive(first, salt, { n, r, prehash: false }));
}

function derive(
  password: Buffer,
  salt: Buffer,
  { n, r, prehash }: { n: number; r: number; prehash: boolean },
): Buffer {
  const start = hmac(Buffer.from(prehash ? "yescrypt-prehash" : "yescrypt"), password);
  const block = words(pbkdf2Sync(start, salt, 1, 128 * r, "sha256"));
  const key = octets(block.subarray(0, 8));

  const boxes: Boxes = { words: new Uint32Array(BOX_WORDS), s0: 2 * ONE_BOX, s1: ONE_BOX, s2: 0, at: 0 };
  fillBoxes(block, boxes.words);
  const secret = hmac(octets(block.subarray(32 * r - 16)), key);

  const memory = new Uint32Array(32 * r * n);
  const x = shuffled(block, 2 * r);
  fillMemory(x, memory, { n, r, boxes });
  const loops = Math.floor((n + 2) / 3);
  mixMemory(x, memory, { n, r, boxes, loops: loops + (loops % 2) });
  const done = pbkdf2Sync(secret, octets(unshuffled(x, 2 * r)), 1, 32, "sha256");
  // The last steps are SCRAM's, so that the costly part could be done by a client.
  return prehash
    ? done
    : createHash("sha256")
        .update(hmac(done, Buffer.from("Client Key")))
        .digest();
}

/** The S-boxes, whose roles go round, and where the next numbers are written, in pairs of words. */
interface Boxes {
  readonly words: Uint32Array;
  s0: number;
  s1: number;
  s2: number;
  at: number;
}

interface Mixing {
  readonly n: number;
  readonly r: number;
  readonly boxes: Boxes;
}

/** The boxes are scrypt's first loop over the first 128 octets, which it changes. */
function fillBoxes(block: Uint32Array, boxes: Uint32Array): void {
  const x = shuffled(block.subarray(0, 32), 2);
  const before = new Uint32Array(16);
  for (let at = 0; at < BOX_WORDS; at += 32) {
    boxes.set(x, at);
    before.set(x.subarray(16, 32));
    for (let half = 0; half < 32; half += 16) {
      for (let i = 0; i < 16; i++) x[half + i]! ^= before[i]!;
      salsa20(x, half, 8);
      before.set(x.subarray(half, half + 16));
    }
  }
  block.set(unshuffled(x, 2));
}

function fillMemory(x: Uint32Array, memory: Uint32Array, { n, r, boxes }: Mixing): void {
  const size = 32 * r;
  let power = 1;
  for (let i = 0; i < n; i++) {
    memory.set(x, i * size);
    if (i > 1) {
      while (power * 2 <= i) power *= 2;
      xorBlock(x, memory, ((x[size - 16]! & (power - 1)) + (i - power)) * size);
    }
    mixBlock(x, boxes, r);
  }
}

function mixMemory(
  x: Uint32Array,
  memory: Uint32Array,
  { n, r, boxes, loops }: Mixing & { loops: number },
): void {
  const size = 32 * r;
  for (let i = 0; i < loops; i++) {
    const at = (x[size - 16]! & (n - 1)) * size;
    xorBlock(x, memory, at);
    memory.set(x, at);
    mixBlock(x, boxes, r);
  }
}

function xorBlock(x: Uint32Array, memory: Uint32Array, at: number): void {
  for (let i = 0; i < x.length; i++) x[i]! ^= memory[at + i]!;
}

/** BlockMix with pwxform in place of Salsa20/8, and one Salsa20/2 over the last 64 octets. */
function mixBlock(x: Uint32Array, boxes: Boxes, r: number): void {
  const last = 32 * r - 16;
  let before = last;
  for (let at = 0; at <= last; at += 16) {
    for (let i = 0; i < 16; i++) x[at + i]! ^= x[before + i]!;
    // The first is combined with the last, which has not been changed yet.
    pwxform(x, at, boxes);
    before = at;
  }
  salsa20(x, last, 2);
}

/** Six rounds of multiply, add and exclusive-or over four pairs of 64-bit numbers; four of them also write to a box. */
function pwxform(x: Uint32Array, from: number, boxes: Boxes): void {
  const { words: s, s0, s1, s2 } = boxes;
  let to = s2 + 2 * boxes.at;
  for (let round = 0; round < 6; round++) {
    const writes = round !== 0 && round !== 5;
    for (let at = from; at < from + 16; at += 4) {
      let p = s0 + ((x[at]! & BOX_MASK) >>> 2);
      let q = s1 + ((x[at + 1]! & BOX_MASK) >>> 2);
      for (let k = at; k < at + 4; k += 2) {
        const a = x[k + 1]!;
        const b = x[k]!;
        const product = Math.imul(a, b) >>> 0;
        const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
        const middle = a1 * b0 + (Math.imul(a0, b0) >>> 16);
        const other = a0 * b1 + (middle & 0xffff);
        const high = a1 * b1 + (middle >>> 16) + (other >>> 16);
        const sum = product + s[p]!;
        const low = (sum ^ s[q]!) >>> 0;
        const top = ((high + s[p + 1]! + (sum > 0xffffffff ? 1 : 0)) ^ s[q + 1]!) >>> 0;
        x[k] = low;
        x[k + 1] = top;
        if (writes) {
          s[to++] = low;
          s[to++] = top;
        }
        p += 2;
        q += 2;
      }
    }
  }
  boxes.s0 = s2;
  boxes.s1 = s0;
  boxes.s2 = s1;
  boxes.at = ((to - s2) / 2) & 511;
}

/** The Salsa20 core over 16 words that are kept in the order that suits SIMD machines. */
function salsa20(block: Uint32Array, at: number, rounds: number): void {
  const x = SCRATCH;
  for (let i = 0; i < 16; i++) x[(i * 5) % 16] = block[at + i]!;
  for (let i = 0; i < rounds; i += 2) {
    for (let column = 0; column < 4; column++) {
      const a = column * 5;
      quarter(x, a, (a + 4) % 16, (a + 8) % 16, (a + 12) % 16);
    }
    for (let row = 0; row < 4; row++) {
      const base = row * 4;
      quarter(x, base + row, base + ((row + 1) % 4), base + ((row + 2) % 4), base + ((row + 3) % 4));
    }
  }
  for (let i = 0; i < 16; i++) block[at + i]! += x[(i * 5) % 16]!;
}

const SCRATCH = new Int32Array(16);

function quarter(x: Int32Array, a: number, b: number, c: number, d: number): void {
  x[b]! ^= rotated((x[a]! + x[d]!) | 0, 7);
  x[c]! ^= rotated((x[b]! + x[a]!) | 0, 9);
  x[d]! ^= rotated((x[c]! + x[b]!) | 0, 13);
  x[a]! ^= rotated((x[d]! + x[c]!) | 0, 18);
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function shuffled(block: Uint32Array, count: number): Uint32Array {
  const x = new Uint32Array(count * 16);
  for (let k = 0; k < count * 16; k += 16) for (let i = 0; i < 16; i++) x[k + i] = block[k + ((i * 5) % 16)]!;
  return x;
}

function unshuffled(x: Uint32Array, count: number): Uint32Array {
  const block = new Uint32Array(count * 16);
  for (let k = 0; k < count * 16; k += 16) for (let i = 0; i < 16; i++) block[k + ((i * 5) % 16)] = x[k + i]!;
  return block;
}

function hmac(key: Buffer, data: Buffer): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

/** Little-endian words, whatever the machine is. */
function words(data: Buffer): Uint32Array {
  return Uint32Array.from({ length: data.length / 4 }, (_, i) => data.readUInt32LE(4 * i));
}

function octets(block: Uint32Array): Buffer {
  const data = Buffer.alloc(block.length * 4);
  for (const [i, word] of block.entries()) data.writeUInt32LE(word, 4 * i);
  return data;
}

/** Three octets make four digits, the least bits first. */
function encode(data: Buffer): string {
  let text = "";
  for (let i = 0; i < data.length; i += 3) {
    const part = data.subarray(i, i + 3);
    let value = part.reduce((sum, octet, at) => sum + octet * 256 ** at, 0);
    for (let bits = 0; bits < part.length * 8; bits += 6, value = Math.floor(value / 64))
      text += DIGITS[value % 64];
  }
  return text;
}

function decode(text: string): Buffer | undefined {
  const data: number[] = [];
  for (let i = 0; i < text.length; i += 4) {
    const part = text.slice(i, i + 4).split("");
    if (part.length === 1) return undefined;
    let value = part.reduce((sum, digit, at) => sum + DIGITS.indexOf(digit) * 64 ** at, 0);
    for (let bits = part.length * 6; bits >= 8; bits -= 8, value = Math.floor(value / 256))
      data.push(value % 256);
    if (value !== 0) return undefined;
  }
  return data.length > 64 ? undefined : Buffer.from(data);
}
