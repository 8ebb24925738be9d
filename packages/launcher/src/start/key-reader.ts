/**
 * Keys that only root may read, as certbot's, for a host that has given up root: a process that stays root, does nothing else,
 * and tells when one of these files has changed.
 *
 * It is there only where it is needed: where the files can be read by whom the host becomes, nothing stays root.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Identity } from "@mailhost/common/daemon/identity";
import { errnoOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { PemReader } from "@mailhost/common/tls/followed-certificates";
import type { PemFiles, PemPaths } from "@mailhost/common/tls/pem-files";

/** Its program, beside this one in either form. */
const PROGRAM = fileURLToPath(new URL(`./key-reader-main${extname(import.meta.url)}`, import.meta.url));

/** What is asked of it, and the answers, in their order. */
export type KeyReaderQuestion =
  | { readonly type: "paths"; readonly paths: readonly PemPaths[] }
  | { readonly type: "mark" }
  | { readonly type: "read" };
export type KeyReaderAnswer =
  | { readonly type: "mark"; readonly mark: string }
  | { readonly type: "read"; readonly files: readonly PemFiles[] };

/** A reader that is another process. */
export interface KeyReader extends PemReader {
  close(): void;
}

/**
 * Starts the process when it is needed; call it as root.
 *
 * @param paths the files it will read, and no others, whatever it is asked later
 * @param identity whom we are about to become; undefined: we stay who we are, and read ourselves
 */
export function keyReaderFor(
  paths: readonly PemPaths[],
  identity: Identity | undefined,
  log: Log,
): KeyReader | undefined {
  if (identity === undefined || identity.uid === 0 || process.getuid?.() !== 0) return undefined;
  const files = paths.flatMap(({ certFile, keyFile }) => [certFile, keyFile]);
  const closed = asIdentity(identity, () => files.find((file) => !isReadable(file)));
  if (closed === undefined) return undefined;
  log.write("info", `tls: ${closed} is for root alone: a process of root's reads it for ${identity.user}`);
  return startReader(paths);
}

function startReader(first: readonly PemPaths[]): KeyReader {
  const child: ChildProcess = spawn(
    process.execPath,
    [...process.execArgv, "--max-old-space-size=32", PROGRAM],
    {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    },
  );
  const waiting: { resolve: (answer: KeyReaderAnswer) => void; reject: (error: Error) => void }[] = [];
  let gone = false;
  const end = () => {
    gone = true;
    for (const { reject } of waiting.splice(0))
      reject(new Error("the process that reads the keys has ended"));
  };
  child.once("error", end).once("exit", end);
  child.on("message", (answer) => waiting.shift()?.resolve(answer as KeyReaderAnswer));
  child.send({ type: "paths", paths: first } satisfies KeyReaderQuestion, () => undefined);
  const ask = (question: KeyReaderQuestion) =>
    new Promise<KeyReaderAnswer>((resolve, reject) => {
      if (gone || !child.connected) return reject(new Error("the process that reads the keys has ended"));
      waiting.push({ resolve, reject });
      child.send(question, () => undefined);
    });
  return {
    async mark() {
      const answer = await ask({ type: "mark" });
      return answer.type === "mark" ? answer.mark : "";
    },
    async read(paths) {
      const answer = await ask({ type: "read" });
      const files = answer.type === "read" ? answer.files : [];
      return paths.map(
        (each) => files.find(({ certFile, keyFile }) => isSame(each, { certFile, keyFile })) ?? unknown(each),
      );
    },
    close: () => {
      if (child.connected) child.disconnect();
    },
  };
}

function isSame(one: PemPaths, other: PemPaths): boolean {
  return one.certFile === other.certFile && one.keyFile === other.keyFile;
}

/** A path that came into the settings after root was given up. */
function unknown(paths: PemPaths): PemFiles {
  return {
    ...paths,
    fault: { file: paths.certFile, reason: "is new in the settings: it is read after a restart of mailhost" },
  };
}

/** Does something as somebody else, with the groups of the other, and is root again. */
function asIdentity<T>({ user, uid, gid }: Identity, act: () => T): T {
  const { initgroups } = process as { initgroups?: (user: string, gid: number) => void };
  const [groups, group] = [process.getgroups?.() ?? [], process.getegid?.() ?? 0];
  try {
    initgroups?.(user, gid);
    process.setegid?.(gid);
    process.seteuid?.(uid);
    return act();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(group);
    process.setgroups?.(groups);
  }
}

/** A file that is not there is no matter of permission. */
function isReadable(file: string): boolean {
  try {
    closeSync(openSync(file, "r"));
    return true;
  } catch (error) {
    return errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR";
  }
}
