/**
 * How far somebody was with the bulletins under Qpopper: `~/.popbull`, or a dump of its bulletin database, which lies in the
 * folder of bulletins as `bulldb.dump` (what gdbm_dump(1) prints). It is asked once for each user, when we know nothing yet.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "@mailhost/common/errors";
import { readWhole } from "@mailhost/common/fs/whole-io";

/** The dump's name in the folder of bulletins. */
export const BULLDB_DUMP = "bulldb.dump";
/** A line with a number fits; whatever else somebody put there is not read. */
const POPBULL = 64;
/** Octets of a dump that is read, some 500,000 users. */
const LARGEST_DUMP = 64 * 1024 * 1024;

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * The number of the last bulletin that Qpopper gave a user.
 *
 * @param home the user's home; undefined for none
 * @returns undefined when nothing tells. A `.popbull` that may not be read tells nothing, as does one of another form
 * @throws errors of the system in reading what is there; an Error when the dump is none
 */
export async function progressUnderQpopper(
  folder: string,
  user: string,
  home: string | undefined,
): Promise<number | undefined> {
  const dump = await read(join(folder, BULLDB_DUMP), LARGEST_DUMP);
  const fromDump = dump === undefined ? undefined : numberInDump(dump, user);
  if (fromDump !== undefined || home === undefined || home === "") return fromDump;
  const line = await read(join(home, ".popbull"), POPBULL);
  const digits = /^(\d{1,15})(?:\s|$)/.exec(line ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The start of a plain file as text, a character an octet; undefined when there is none that we may read. */
async function read(path: string, most: number): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENXIO"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return undefined;
    const bytes = Buffer.alloc(Math.min(stat.size, most));
    return bytes.toString("latin1", 0, await readWhole(file, bytes, 0));
  } finally {
    await file.close();
  }
}

/** A record's length, then its octets in base64, a few lines of them. */
const DATUM = /^#:len=(\d+)\n((?:[A-Za-z0-9+/=]+\n)*)/gm;

/** Qpopper's record of a user: the name with a NUL is the key, a C `long` the value, as this kind of machine has it. */
function numberInDump(dump: string, user: string): number | undefined {
  if (!/^#:version=1\./m.test(dump)) {
    throw new Error(
      `${BULLDB_DUMP}: is not what gdbm_dump prints; make it with: gdbm_dump bulldb ${BULLDB_DUMP}`,
    );
  }
  let key: string | undefined;
  for (const [, length = "", base64 = ""] of dump.matchAll(DATUM)) {
    const octets = Buffer.from(base64, "base64").subarray(0, Number(length));
    if (key === undefined) {
      key = octets.toString("utf8").replace(/\0$/, "");
      continue;
    }
    if (key.toLowerCase() === user && (octets.length === 4 || octets.length === 8)) {
      const value = octets.length === 8 ? Number(octets.readBigInt64LE()) : octets.readInt32LE();
      return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
    }
    key = undefined;
  }
  return undefined;
}
