/**
 * One import into a queue at a time: two that write the data file of the same message would take it from each other.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, UserError } from "@mailhost/common/errors";
import { EX_TEMPFAIL } from "@mailhost/common/sysexits";
import { isAlive } from "./living-process.ts";

/**
 * Takes the lock; one of a process that is gone is nobody's.
 *
 * @returns gives it up
 * @throws UserError while another import is under way
 */
export function lockImport(queueFolder: string): () => void {
  const path = join(queueFolder, "queue.import");
  for (let tries = 0; tries < 3; tries++) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx", mode: 0o600 });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
    const owner = ownerOf(path);
    if (owner !== undefined && isAlive(owner)) {
      throw new UserError(`another import into ${queueFolder} is under way (process ${owner})`, EX_TEMPFAIL);
    }
    rmSync(path, { force: true });
  }
  throw new UserError(`${path}: another import has just begun`, EX_TEMPFAIL);
}

function ownerOf(path: string): number | undefined {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
