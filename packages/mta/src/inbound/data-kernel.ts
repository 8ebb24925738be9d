/**
 * The data decoder's inner loop, WebAssembly (data-kernel.wat), and the memory that it works in: one for the whole process,
 * since going through a stretch waits for nothing.
 */
import { compileKernel, PAGE, startKernel } from "@mailhost/common/wasm-kernel";
import { DATA_KERNEL } from "./data-kernel-bytes.ts";

/** Bytes of the longest stretch that is gone through at once: what is read from a socket at once, and a little more. */
const STRETCH = 68 * 1024;
/** Where a stretch stands in the memory; word 0 is the kernel's answer, the byte before a stretch ours. */
const INPUT = 64;
/** Bytes behind a stretch that the kernel looks at. */
const BEHIND = 32;
const PAGES = Math.ceil((INPUT + STRETCH + BEHIND) / PAGE);
/** Shorter input is gone through in script sooner than it is taken to the kernel. */
const WORTH_IT = 128;

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

/** Where an input was gone through to, and how many plain ends of lines were passed: CRLF, and no dot behind it. */
export interface PlainRun {
  /** The place of an LF that has to be looked at, or the end of the input. */
  readonly stop: number;
  readonly lines: number;
}

/** Goes through one input, in order. */
export class PlainRuns {
  readonly #input: Buffer;
  /** The kernel's memory has the input from `#from` to `#to`. */
  #from = 0;
  #to = 0;

  constructor(input: Buffer) {
    this.#input = input;
  }

  /**
   * Goes on to the next LF that is no plain end of a line.
   *
   * @param at where to begin, not before where the last run stopped
   * @param afterCr whether a CR stands before the input; asked when `at` is 0
   */
  next(at: number, afterCr: boolean): PlainRun {
    const input = this.#input;
    if (input.length < WORTH_IT) return inScript(input, at, afterCr);
    const { bytes, said, plain } = kernel();
    let lines = 0;
    for (let from = at; from < input.length; from = this.#to) {
      if (from >= this.#to) this.#load(bytes, from, afterCr);
      const offset = INPUT - this.#from;
      const stop = plain(from + offset, this.#to + offset) - offset;
      lines += said[0]!;
      if (stop < this.#to) return { stop, lines };
      // A dot that begins the next stretch is looked at there.
      if (stop < input.length && input[stop - 1] === LF && input[stop] === DOT)
        return { stop: stop - 1, lines: lines - 1 };
    }
    return { stop: input.length, lines };
  }

  #load(bytes: Buffer, from: number, afterCr: boolean): void {
    const input = this.#input;
    this.#from = from;
    this.#to = Math.min(from + STRETCH, input.length);
    bytes[INPUT - 1] = from > 0 ? input[from - 1]! : afterCr ? CR : 0;
    const end = INPUT + input.copy(bytes, INPUT, from, this.#to);
    bytes.fill(0, end, end + BEHIND);
  }
}

function inScript(input: Buffer, at: number, afterCr: boolean): PlainRun {
  let lines = 0;
  for (let lf = input.indexOf(LF, at); lf >= 0; lf = input.indexOf(LF, lf + 1)) {
    const isCrlf = lf > 0 ? input[lf - 1] === CR : afterCr;
    if (!isCrlf || input[lf + 1] === DOT) return { stop: lf, lines };
    lines += 1;
  }
  return { stop: input.length, lines };
}

interface DataKernel {
  readonly bytes: Buffer;
  readonly said: Int32Array;
  /** Goes through `[at, to)`; see data-kernel.wat. */
  readonly plain: (at: number, to: number) => number;
}

let only: DataKernel | undefined;

/** The process's kernel; made at the first call. */
function kernel(): DataKernel {
  only ??= newKernel();
  return only;
}

function newKernel(): DataKernel {
  const module = compileKernel(DATA_KERNEL);
  const { exports, memory } = startKernel<Pick<DataKernel, "plain">>(module, "data", PAGES);
  return { plain: exports.plain, bytes: Buffer.from(memory), said: new Int32Array(memory, 0, 1) };
}
