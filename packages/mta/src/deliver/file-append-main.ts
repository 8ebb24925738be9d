/**
 * The program that appends a message to a file as another user: `PATH LOCK-TIMEOUT RECEIVED-AT SIZE SENDER`, the message on its
 * standard input. Exit codes are those of sysexits(3); the reason is on its standard output.
 *
 * An input that ends before SIZE octets is no message: whoever wrote it has died. The file then has its old length.
 */
import { lstatSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { EX_CANTCREAT, EX_OK, EX_TEMPFAIL } from "@mailhost/common/sysexits";
import { appendToFile } from "./file-append.ts";

const [path = "", lockTimeout = "0", receivedAt = "0", size = "0", sender = ""] = process.argv.slice(2);
const journalFolder = ownFolder();
const fault = await appendToFile({
  path,
  message: { sender, receivedAt: Number(receivedAt), stream: () => wholeInput(Number(size)) },
  journalFolder: journalFolder ?? mkdtempSync(join(tmpdir(), "mailhost-append-")),
  lockTimeout: Number(lockTimeout),
  clock: systemClock,
  log: silentLog,
});
if (fault !== undefined) process.stdout.write(`${fault.reason}\n`);
process.exitCode = fault === undefined ? EX_OK : fault.kind === "refused" ? EX_CANTCREAT : EX_TEMPFAIL;

async function* wholeInput(expected: number): AsyncGenerator<Buffer> {
  let read = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    read += chunk.length;
    yield chunk;
  }
  if (read !== expected) throw new Error(`the message ends after ${read} of ${expected} octets`);
}

/**
 * Where it is noted what is being appended: the next run finds it there and takes away what one that was killed has left. It
 * counts only until the system starts anew, as the folder does. Undefined when somebody else has made the name his: a folder for
 * this time alone has to do then.
 */
function ownFolder(): string | undefined {
  const uid = process.geteuid?.() ?? 0;
  const folder = join(tmpdir(), `mailhost-append-${uid}`);
  try {
    mkdirSync(folder, { mode: 0o700 });
    return folder;
  } catch {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    const isOurs = found?.isDirectory() === true && found.uid === uid && (found.mode & 0o77) === 0;
    return isOurs ? folder : undefined;
  }
}
