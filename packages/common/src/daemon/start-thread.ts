/**
 * Starts threads whose program is one of our files.
 */
import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts a thread.
 *
 * @param program the file beside the caller, without `.ts` or `.js`, such as `./scan-thread`
 * @param caller its `import.meta.url`
 */
export function startThread(program: string, caller: string, options: WorkerOptions = {}): Worker {
  if (!caller.endsWith(".ts")) return new Worker(new URL(`${program}.js`, caller), options);
  // From the sources, as tests run: the loader that the process has been started with does not reach its threads.
  const [loader, source] = [import.meta.resolve("tsx/esm/api"), new URL(`${program}.ts`, caller).href];
  const [l, s] = [JSON.stringify(loader), JSON.stringify(source)];
  return new Worker(`import(${l}).then(({ tsImport }) => tsImport(${s}, ${s}))`, { ...options, eval: true });
}
