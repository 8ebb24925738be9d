/**
 * The message encoder's inner loop, WebAssembly (encode-kernel.wat), and the memory that it works in: one for the whole
 * process, since encoding a stretch waits for nothing.
 */
import { compileKernel, PAGE, startKernel } from "@mailhost/common/wasm-kernel";
import { ENCODE_KERNEL } from "./encode-kernel-bytes.ts";

/** Bytes of the longest stretch that is encoded at once. */
export const STRETCH = 64 * 1024;
/** Where a stretch stands in the memory; what is before is the kernel's own. */
export const INPUT = 64;
/** Where its encoding goes: room for twice a stretch, for what was held back before it, and for a vector. */
export const OUTPUT = INPUT + STRETCH + 64;
const PAGES = Math.ceil((OUTPUT + 2 * STRETCH + 64) / PAGE);

/** Places in {@link EncodeKernel.said}: where the output ends, dots that were added, whether a line starts behind the input. */
export const SAID = { out: 0, stuffed: 1, atStart: 2 } as const;

/** The loop, and its memory; places are indexes in it. */
export interface EncodeKernel {
  readonly bytes: Buffer;
  readonly said: Int32Array;
  /**
   * Encodes `[at, to)` into `out`.
   *
   * @param atStart 1 when a line starts at `at`, else 0
   * @returns where it stopped: at a line that starts with `>`, or `to`
   */
  encode(at: number, to: number, out: number, atStart: number): number;
}

let only: EncodeKernel | undefined;

/** The process's kernel; made at the first call. */
export function encodeKernel(): EncodeKernel {
  only ??= newKernel();
  return only;
}

function newKernel(): EncodeKernel {
  const module = compileKernel(ENCODE_KERNEL);
  const { exports, memory } = startKernel<Pick<EncodeKernel, "encode">>(module, "encode", PAGES);
  return { encode: exports.encode, bytes: Buffer.from(memory), said: new Int32Array(memory, 0, 3) };
}
