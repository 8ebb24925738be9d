/**
 * The scanner's inner loops, WebAssembly (scan-kernel.wat), and the memory that they work in.
 *
 * POP3 announces octets with CR LF line ends, so at a first login every byte of a mailbox is looked at; in script that
 * takes several times the reading of the file.
 */
import { compileKernel, type KernelModule, PAGE, startKernel } from "../wasm-kernel.ts";
import { SCAN_KERNEL } from "./scan-kernel-bytes.ts";

/** What a header may have in it; bits of {@link ScanKernel.said}. */
export const MARKS = { changing: 1, notAscii: 2 } as const;

/** Bytes at the start of the memory that are the kernel's own. */
export const KERNEL_OWN = 64;
/** Bytes behind a stretch that must be there, whatever they are. */
export const BEHIND = 32;

/** Places in `said`: octets beside the bytes, whether the line has only `>` so far, marks of the header. */
export const SAID = { extra: 0, onlyQuotes: 1, marks: 2 } as const;

/** Loops over bytes that stand in their memory. Places are indexes in it. */
export interface ScanKernel {
  readonly bytes: Buffer;
  /** What is said beside the results; see {@link SAID}. */
  readonly said: Int32Array;
  /** Where the body behind the header that goes on at `at` begins; 0 when that is not before `to`. */
  header(at: number, to: number): number;
  /** Where `From ` is behind an empty line, from `at` on; `to` when it is not before that. */
  body(at: number, to: number): number;
  /** Whether the line at `p` may begin a field that mail readers change; 0 for no. */
  mayChange(p: number): number;
  /** Marks the header when there is a byte in `[at, to)` that is not ASCII. */
  markBytes(at: number, to: number): void;
}

/** Kernels that are kept for the next scan, of each size: making one is dear, keeping many is too. */
const KEPT = 2;
/** Sizes that are kept, pages; what is larger than all is made as asked. */
const SIZES = [4, 20];

let compiled: KernelModule | undefined;
const idle = new Map<number, ScanKernel[]>();

/** Lends a kernel with at least `size` bytes of memory. */
export function borrowKernel(size: number): ScanKernel {
  const needed = Math.ceil(size / PAGE);
  const pages = SIZES.find((some) => some >= needed) ?? needed;
  return idle.get(pages)?.pop() ?? newKernel(pages);
}

/** Takes a kernel back; nothing may use it any more. */
export function returnKernel(kernel: ScanKernel): void {
  const pages = kernel.bytes.length / PAGE;
  if (!SIZES.includes(pages)) return;
  const kept = idle.get(pages) ?? [];
  if (kept.length < KEPT) kept.push(kernel);
  idle.set(pages, kept);
}

function newKernel(pages: number): ScanKernel {
  compiled ??= compileKernel(SCAN_KERNEL);
  const { exports, memory } = startKernel<Omit<ScanKernel, "bytes" | "said">>(compiled, "scan", pages);
  return { ...exports, bytes: Buffer.from(memory), said: new Int32Array(memory, 0, 3) };
}
