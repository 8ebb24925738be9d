/**
 * The program that appends a message to a file as another user: `PATH LOCK-TIMEOUT RECEIVED-AT SENDER`, the message on its
 * standard input. Exit codes are those of sysexits(3); the reason is on its standard output.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { EX_CANTCREAT, EX_OK, EX_TEMPFAIL } from "@mailhost/common/sysexits";
import { appendToFile } from "./file-append.ts";

const [path = "", lockTimeout = "0", receivedAt = "0", sender = ""] = process.argv.slice(2);
const journalFolder = await mkdtemp(join(tmpdir(), "mailhost-file-"));
const fault = await appendToFile({
  path,
  message: {
    sender,
    receivedAt: Number(receivedAt),
    stream: () => process.stdin as AsyncIterable<Buffer>,
  },
  journalFolder,
  lockTimeout: Number(lockTimeout),
  clock: systemClock,
  log: silentLog,
});
await rm(journalFolder, { recursive: true, force: true });
if (fault !== undefined) process.stdout.write(`${fault.reason}\n`);
process.exitCode = fault === undefined ? EX_OK : fault.kind === "refused" ? EX_CANTCREAT : EX_TEMPFAIL;
