/**
 * Inner loops in WebAssembly: how they are compiled and given a memory. Each kernel imports one memory, `NAME.memory`, of a fixed
 * number of pages, and waits for nothing.
 */

/** A compiled kernel. */
export interface KernelModule {
  readonly memory?: never;
}
interface Memory {
  readonly buffer: ArrayBuffer;
}
/** What is used of WebAssembly, whose types come with browsers' only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Buffer) => KernelModule;
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => Memory;
  readonly Instance: new (module: KernelModule, imports: object) => { readonly exports: object };
};

/** Octets of a page of memory. */
export const PAGE = 64 * 1024;

/** Compiles a kernel from the Base64 of its bytes. */
export function compileKernel(base64: readonly string[]): KernelModule {
  return new WebAssembly.Module(Buffer.from(base64.join(""), "base64"));
}

/**
 * Makes a kernel with a memory of its own.
 *
 * @param name what the kernel calls the place that it imports its memory from
 * @param pages of 64 KiB
 */
export function startKernel<T extends object>(
  module: KernelModule,
  name: string,
  pages: number,
): { readonly exports: T; readonly memory: ArrayBuffer } {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = new WebAssembly.Instance(module, { [name]: { memory } });
  return { exports: exports as T, memory: memory.buffer };
}
