/**
 * The child process of environment-reading.ts: `environment-reader PATH tables|all`. Exit code 0 when all could be read.
 */
import { fileURLToPath } from "node:url";
import { open } from "lmdb";

/** Reads every key of every table, every entry, and with `all` every message. Throws at the first fault. */
export async function readEnvironment(path: string, all: boolean): Promise<number> {
  const root = open({ path, noSubdir: true, readOnly: true, maxDbs: 8, overlappingSync: false });
  let octets = 0;
  for (const name of ["entries", "due", "hosts", "drops", "bodies"]) {
    const table = root.openDB<Buffer, string>(name, { encoding: "binary" });
    // A queue whose first opening was cut short has not all of its tables.
    if (table === undefined) continue;
    if (name === "bodies" && !all) for (const _ of table.getKeys()) octets += 1;
    else for (const { value } of table.getRange()) octets += value.length;
  }
  await root.close();
  return octets;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await readEnvironment(process.argv[2]!, process.argv[3] === "all");
  process.disconnect?.();
}
