/**
 * The child process of environment-reading.ts: `environment-reader PATH tables|all`, or `environment-reader PATH copy TARGET QUEUE`. Exit code 0
 * when all could be read, or copied; 75 when others kept it from being opened.
 */
import { fileURLToPath } from "node:url";
import { errnoOf } from "@mailhost/common/errors";
import { openGated } from "@mailhost/common/lmdb/gate";
import { SHARED_ENVIRONMENT } from "@mailhost/common/lmdb/options";
import { EX_TEMPFAIL } from "@mailhost/common/sysexits";
import { open } from "lmdb";

const TABLES = ["entries", "due", "hosts", "drops", "bodies"];
/** Rows of one transaction. */
const ROWS = 1000;

/** Reads every key of every table, every entry, and with `all` every message. Throws at the first fault. */
export async function readEnvironment(path: string, all: boolean): Promise<number> {
  const how = { path, noSubdir: true, readOnly: true, maxDbs: 8, overlappingSync: false };
  const { opened: root, gate } = openGated(path, () => open(how));
  let octets = 0;
  for (const name of TABLES) {
    const table = root.openDB<Buffer, string>(name, { encoding: "binary" });
    // A queue whose first opening was cut short has not all of its tables.
    if (table === undefined) continue;
    if (name === "bodies" && !all) for (const _ of table.getKeys()) octets += 1;
    else for (const { value } of table.getRange()) octets += value.length;
  }
  await gate.close(() => root.close());
  return octets;
}

/**
 * Puts what is in the tables into another environment, a new one or one that is in use. Throws at the first fault.
 *
 * @param queue the data file by whose name all who have the queue open find its gate, whichever of the two they have open
 */
export async function copyEnvironment(path: string, target: string, queue: string): Promise<void> {
  const gateOf = { gateOf: queue };
  const plain = { noSubdir: true, maxDbs: 8, overlappingSync: false };
  const bytes = { encoding: "binary", keyEncoding: "binary" } as const;
  const old = openGated(path, () => open({ ...plain, path, readOnly: true }), gateOf);
  const another = openGated(target, () => open({ ...plain, ...SHARED_ENVIRONMENT, path: target }), gateOf);
  const [from, to] = [old.opened, another.opened];
  for (const name of TABLES) {
    const source = from.openDB<Buffer, Buffer>(name, bytes);
    if (source === undefined) continue;
    const copy = to.openDB<Buffer, Buffer>(name, bytes);
    let rows = 0;
    let batch: Promise<boolean>[] = [];
    for (const { key, value } of source.getRange()) {
      const put = () => copy.put(Buffer.from(key), Buffer.from(value));
      batch.push(another.gate.commit(put));
      if (++rows % ROWS > 0) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
    await copy.flushed;
    // There may be more, when what changed meanwhile is copied once more.
    if (copy.getCount() < rows) throw new Error(`${name} has ${copy.getCount()} rows instead of ${rows}`);
  }
  await another.gate.close(() => to.close());
  await old.gate.close(() => from.close());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , path, what, target, queue] = process.argv;
  try {
    if (what === "copy") await copyEnvironment(path!, target!, queue!);
    else await readEnvironment(path!, what === "all");
  } catch (error) {
    if (errnoOf(error) !== "EAGAIN") throw error;
    process.exitCode = EX_TEMPFAIL;
  }
  process.disconnect?.();
}
