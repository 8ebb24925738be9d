/**
 * The child process of environment-reading.ts: `environment-reader PATH tables|all`, or `environment-reader PATH copy TARGET`. Exit code 0
 * when all could be read, or copied.
 */
import { fileURLToPath } from "node:url";
import { openGated } from "@mailhost/common/lmdb/gate";
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
  await root.close();
  gate.close();
  return octets;
}

/** Puts what is in the tables into a new environment. Throws at the first fault. */
export async function copyEnvironment(path: string, target: string): Promise<void> {
  const plain = { noSubdir: true, maxDbs: 8, overlappingSync: false };
  const bytes = { encoding: "binary", keyEncoding: "binary" } as const;
  const { opened: from, gate } = openGated(path, () => open({ ...plain, path, readOnly: true }));
  const to = open({ ...plain, path: target });
  for (const name of TABLES) {
    const source = from.openDB<Buffer, Buffer>(name, bytes);
    if (source === undefined) continue;
    const copy = to.openDB<Buffer, Buffer>(name, bytes);
    let rows = 0;
    for (const { key, value } of source.getRange()) {
      const done = copy.put(Buffer.from(key), Buffer.from(value));
      if (++rows % ROWS === 0) await done;
      else done.catch(() => undefined);
    }
    await copy.flushed;
    // There may be more, when what changed meanwhile is copied once more.
    if (copy.getCount() < rows) throw new Error(`${name} has ${copy.getCount()} rows instead of ${rows}`);
  }
  await to.close();
  await from.close();
  gate.close();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , path, what, target] = process.argv;
  if (what === "copy") await copyEnvironment(path!, target!);
  else await readEnvironment(path!, what === "all");
  process.disconnect?.();
}
