/**
 * The program of the process that stays root to read keys (see key-reader.ts). Of all that a process can be asked for it knows
 * one thing: to read the files that root named when it started it. It hands out PEM and nothing else, and no file that somebody
 * other than root could have put in its place.
 */
import { lstatSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { markOfPemFiles, type PemFiles, type PemPaths, readPemFiles } from "@mailhost/common/tls/pem-files";
import type { KeyReaderAnswer, KeyReaderQuestion } from "./key-reader.ts";

const GROUP_OR_OTHERS_WRITE = 0o022;

let paths: readonly PemPaths[] | undefined;

process.title = "mailhost: keys";
for (const signal of ["SIGINT", "SIGHUP", "SIGTERM"] as const) process.on(signal, () => undefined);
process.once("disconnect", () => process.exit(0));
process.on("message", (message) => {
  const question = message as KeyReaderQuestion;
  if (question.type === "paths") paths ??= question.paths;
  else answer(question.type, paths ?? []);
});

function answer(type: "mark" | "read", known: readonly PemPaths[]): void {
  const said: KeyReaderAnswer =
    type === "mark"
      ? { type, mark: markOfPemFiles(known) }
      : { type, files: readPemFiles(known).map(onlyPem) };
  process.send?.(said);
}

/** What was read, if it is what it should be. */
function onlyPem(found: PemFiles): PemFiles {
  const { certFile, keyFile, cert, key, keyMode, keyGroup } = found;
  if (cert === undefined || key === undefined) return found;
  const unsafe = [certFile, keyFile].find((file) => !isRootsAlone(file));
  if (unsafe !== undefined) {
    const reason = `is in a folder that others than root may write in, and only root may read it: it could be another file tomorrow; chown root and chmod go-w its folders`;
    return { certFile, keyFile, fault: { file: unsafe, reason } };
  }
  return {
    certFile,
    keyFile,
    cert: pemOf(cert, "CERTIFICATE"),
    key: pemOf(key, "PRIVATE KEY"),
    ...(keyMode === undefined ? {} : { keyMode }),
    ...(keyGroup === undefined ? {} : { keyGroup }),
  };
}

/** The PEM blocks of a kind; all else stays here. */
function pemOf(text: string, kind: string): string {
  const blocks = text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g);
  return [...blocks]
    .filter(([, label = ""]) => label.endsWith(kind))
    .map(([block]) => `${block}\n`)
    .join("");
}

/** Whether every folder on the way to a file, by its name and by where links lead, is root's to change. */
function isRootsAlone(file: string): boolean {
  return [dirname(file), dirname(realpathSync(file))]
    .map((folder) => realpathSync(folder))
    .every(isRootsFolder);
}

function isRootsFolder(folder: string): boolean {
  const { uid, mode } = lstatSync(folder);
  // In a folder with the sticky bit, as /tmp, nobody replaces what is another's.
  const open = (mode & GROUP_OR_OTHERS_WRITE) !== 0 && (mode & 0o1000) === 0;
  if (uid !== 0 || open) return false;
  const above = dirname(folder);
  return above === folder || isRootsFolder(above);
}
