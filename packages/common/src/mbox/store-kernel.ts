/**
 * The mbox encoder's inner loop, WebAssembly (store-kernel.wat), and the memory that it works in: one for each thread, since
 * encoding a stretch waits for nothing.
 */
import { STORE_KERNEL } from "./store-kernel-bytes.ts";

interface Module {
  readonly memory?: never;
}
interface Memory {
  readonly buffer: ArrayBuffer;
}
/** What is used of WebAssembly, whose types come with browsers' only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Buffer) => Module;
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => Memory;
  readonly Instance: new (module: Module, imports: object) => { readonly exports: object };
};

/** Bytes of the longest stretch that is encoded at once. */
export const STRETCH = 64 * 1024;
/** Where a stretch stands in the memory; what is before it is no CR. */
export const INPUT = 64;
/** Where its encoding goes: room for a `>` before each `From ` of a line, and for a vector. */
export const OUTPUT = INPUT + STRETCH + 64;
const PAGE = 64 * 1024;
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
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  const module = new WebAssembly.Module(Buffer.from(STORE_KERNEL.join(""), "base64"));
  const { exports } = new WebAssembly.Instance(module, { store: { memory } });
  const { store } = exports as Pick<StoreKernel, "store">;
  return { store, bytes: Buffer.from(memory.buffer) };
}
