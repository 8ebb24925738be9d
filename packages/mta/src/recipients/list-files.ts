/**
 * Reading `.forward` and `:include:` files without waiting for them too long: a home may be on a server that is away.
 *
 * A read that takes longer than the limit (Sendmail's Timeout.fileopen) counts as a temporary failure. It may hold a thread of
 * the process for as long as the server is away, so a folder whose read hangs is not read again before that ends, and neither
 * is its neighbour once two hang there; when {@link MOST_HANGING} hang, nothing more is begun. Everybody else goes on.
 */
import { dirname } from "node:path";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { nodeFileSystem } from "@mailhost/common/fs/file-system";
import {
  fileFault,
  folderFault,
  LIST_OPEN_FLAGS,
  type ListFileSystem,
  listFileSystem,
  mayReach,
  type Reader,
} from "./file-safety.ts";
import type { KnownAbsences } from "./known-absences.ts";
import { DEFAULT_SHELLS, isLoginShell, readShells } from "./login-shells.ts";

/** What reading gave. */
export type ListRead =
  | { readonly kind: "text"; readonly text: string; readonly bytes: number; readonly uid: number }
  | { readonly kind: "absent" }
  /** It is there but must not be used; the reason in Sendmail's words. */
  | {
      readonly kind: "refused";
      readonly reason: string;
      /** The system kept it from us: as `mail` we see no private homes, and nobody did anything wrong. */
      readonly bySystem?: true;
    }
  /** It cannot be read now. */
  | { readonly kind: "later"; readonly reason: string };

/** How a file is read. */
export interface ListRequest {
  /** Must be allowed to read it; absent: it is enough that we can. */
  readonly who?: Reader;
  /** It must be the reader's own, or root's. */
  readonly owned: boolean;
  /** Most octets. */
  readonly limit: number;
}

/** The reader; one for the whole process. */
export interface ListFiles {
  /** Reads a file. Never rejects. */
  read(path: string, request: ListRequest): Promise<ListRead>;
  /** Whether whoever has this shell may run programs (/etc/shells). */
  isLoginShell(shell: string): Promise<boolean>;
  /** Whether it is known, without a look, that nothing can be read at any of the paths. */
  areAbsent(paths: readonly string[]): boolean;
}

/** Sendmail's Timeout.fileopen, ms. */
const OPEN_TIMEOUT = 60_000;

/** A read that has lasted so long hangs, ms. */
const HANGS_AFTER = 2000;

/** Node's file calls share four threads; one is always left. */
const MOST_HANGING = 3;

/** Errors of a server or a machine that may be well again soon. */
const TEMPORARY: ReadonlySet<string> = new Set([
  "EAGAIN",
  "ECONNREFUSED",
  "ECONNRESET",
  "EDQUOT",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "EINTR",
  "EIO",
  "EMFILE",
  "ENETDOWN",
  "ENETUNREACH",
  "ENFILE",
  "ENOBUFS",
  "ENOLINK",
  "ENOMEM",
  "ENOTCONN",
  "ESTALE",
  "ETIMEDOUT",
]);

/** Opens the reader. */
export function openListFiles(options: {
  readonly clock: Clock;
  readonly fs?: ListFileSystem;
  /** ms; Sendmail's 60 s when absent. */
  readonly timeout?: number;
  readonly shellsFile?: string;
  /** Of a server; a command looks each time. */
  readonly absences?: KnownAbsences;
}): ListFiles {
  const {
    clock,
    fs = listFileSystem(nodeFileSystem),
    timeout = OPEN_TIMEOUT,
    shellsFile = "/etc/shells",
    absences,
  } = options;
  const gate = new HangingReads();
  const guarded = async <T>(
    path: string,
    work: () => Promise<T>,
    otherwise: (error: unknown) => T,
  ): Promise<T> => {
    if (gate.isShut(path)) return otherwise(new Delay("an earlier read there has not come back"));
    const done = gate.enter(path, clock);
    return new Promise((resolve) => {
      const timer = clock.after(timeout, () => resolve(otherwise(new Delay("open timeout"))));
      void work()
        .catch(otherwise)
        .then((result) => {
          timer.cancel();
          done();
          resolve(result);
        });
    });
  };
  const readPlainly = (path: string, request: ListRequest) => readSafely(path, request, fs);
  const readOrRemember = async (path: string, request: ListRequest): Promise<ListRead> => {
    const expected = await absences?.expect(path).catch(() => undefined);
    if (expected?.isKnown === true) return { kind: "absent" };
    const read = await readPlainly(path, request).catch(failed);
    const isAbsent = read.kind === "absent" || (read.kind === "refused" && read.bySystem === true);
    if (isAbsent) await expected?.confirm().catch(() => undefined);
    return read;
  };
  const read = (path: string, request: ListRequest) => {
    // Hardly anybody has a list of his own; lists that others name are there.
    if (!request.owned || absences === undefined)
      return guarded(path, () => readPlainly(path, request), failed);
    if (absences.has([path])) return Promise.resolve<ListRead>({ kind: "absent" });
    return guarded(path, () => readOrRemember(path, request), failed);
  };
  return {
    read,
    async isLoginShell(shell) {
      const shells = await read(shellsFile, { owned: false, limit: 1 << 16 });
      return isLoginShell(shell, shells.kind === "text" ? readShells(shells.text) : DEFAULT_SHELLS);
    },
    areAbsent: (paths) => absences?.has(paths) === true,
  };
}

async function readSafely(path: string, request: ListRequest, fs: ListFileSystem): Promise<ListRead> {
  const { who, owned, limit } = request;
  const before = await fs.stat(path);
  const trusted = new Set([0, process.geteuid?.() ?? 0, ...(who === undefined ? [] : [who.uid])]);
  const fault = (await folderFault(path, trusted, fs)) ?? fileFault(before, who, owned);
  if (fault !== undefined) return { kind: "refused", reason: fault };
  if (who !== undefined && !owned && !(await mayReach(path, who, fs)))
    return { kind: "refused", reason: "Permission denied" };
  const handle = await fs.open(path, LIST_OPEN_FLAGS);
  try {
    const found = await handle.stat();
    if (found.ino !== before.ino || found.dev !== before.dev) {
      return { kind: "later", reason: "file changed after open" };
    }
    // What was opened counts, whatever was there before.
    const changed = fileFault(found, who, owned);
    if (changed !== undefined) return { kind: "refused", reason: changed };
    if (found.size > limit) return { kind: "refused", reason: `larger than ${limit} octets` };
    const buffer = Buffer.alloc(found.size);
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return { kind: "text", text: buffer.toString("utf8", 0, filled), bytes: filled, uid: found.uid };
  } finally {
    await handle.close();
  }
}

/** Nothing was heard in time. */
class Delay extends Error {}

function failed(error: unknown): ListRead {
  const code = errnoOf(error) ?? "";
  if (code === "ENOENT" || code === "ENOTDIR") return { kind: "absent" };
  if (code === "EACCES" || code === "EPERM")
    return { kind: "refused", reason: "Permission denied", bySystem: true };
  if (code === "ELOOP") return { kind: "refused", reason: "Too many levels of symbolic links" };
  if (TEMPORARY.has(code)) return { kind: "later", reason: code };
  return { kind: "later", reason: messageOf(error) };
}

/** Which reads have not come back. */
class HangingReads {
  readonly #hanging = new Map<object, string>();

  /** Counts a read once it has lasted too long. @returns to be called when it has come back */
  enter(path: string, clock: Clock): () => void {
    const mark = {};
    const timer = clock.after(HANGS_AFTER, () => this.#hanging.set(mark, dirname(path)));
    return () => {
      timer.cancel();
      this.#hanging.delete(mark);
    };
  }

  isShut(path: string): boolean {
    if (this.#hanging.size >= MOST_HANGING) return true;
    const folders = [...this.#hanging.values()];
    const folder = dirname(path);
    return folders.includes(folder) || folders.filter((each) => dirname(each) === dirname(folder)).length > 1;
  }
}
