/**
 * The mbox encoder's inner loop, WebAssembly (store-kernel.wat), and the memory that it works in: one for each thread, since
 * encoding a stretch waits for nothing.
 */
import { compileKernel, PAGE, startKernel } from "../wasm-kernel.ts";
import { STORE_KERNEL } from "./store-kernel-bytes.ts";

/** Bytes of the longest stretch that is encoded at once. */
export const STRETCH = 64 * 1024;
/** Where a stretch stands in the memory; what is before it is no CR. */
export const INPUT = 64;
/** Where its encoding goes: room for a `>` before each `From ` of a line, and for a vector. */
export const OUTPUT = INPUT + STRETCH + 64;
const PAGES = Math.ceil((OUTPUT + STRETCH + STRETCH / 5 + 64) / PAGE);

/** The loop, and its memory; places are indexes in it. */
export interface StoreKernel {
  readonly bytes: Buffer;
  /**
   * Encodes the whole lines `[at, to)` into `out`.
   *
   * @returns where the output ends
   */
  store(at: number, to: number, out: number): number;
}

let only: StoreKernel | undefined;

/** The thread's kernel; made at the first call. */
export function storeKernel(): StoreKernel {
  only ??= newKernel();
  return only;
}

function newKernel(): StoreKernel {
  const module = compileKernel(STORE_KERNEL);
  const { exports, memory } = startKernel<Pick<StoreKernel, "store">>(module, "store", PAGES);
  return { store: exports.store, bytes: Buffer.from(memory) };
}
