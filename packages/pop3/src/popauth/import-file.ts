/**
 * Where Qpopper's database is taken over from: a dump of gdbm_dump or db_dump, or a Berkeley DB file itself.
 */
import { readFileSync, statSync } from "node:fs";
import { ConfigError, messageOf, UserError } from "@mailhost/common/errors";
import { EX_DATAERR, EX_NOINPUT } from "@mailhost/common/sysexits";
import { readBerkeleyDb } from "@mailhost/common/tables/berkeley-db";
import { readDumpText } from "@mailhost/common/tables/dump-text";
import { OctetLines } from "@mailhost/common/tables/octet-lines";
import { isBerkeleyDb } from "@mailhost/common/tables/table-file";
import { isGdbmDump, readGdbmDump } from "./gdbm-dump.ts";

/** Octets of the largest dump: half a million entries. */
const LARGEST = 64 * 1024 * 1024;
/** What a gdbm file begins with. */
const GDBM = new Set([0x13579ace, 0x13579acd, 0x13579acf, 0x13579ad0, 0x13579ad1]);

/** Keys and values as they stand in the database. */
export type OctetPair = readonly [key: Buffer, value: Buffer];

/**
 * Reads all entries.
 *
 * @param from a file, or `-` for a dump on `stdin`
 * @throws ConfigError naming the line that is no part of a dump; UserError when it can not be read
 */
export async function readImportFile(
  from: string,
  stdin: AsyncIterable<Buffer | string>,
): Promise<readonly OctetPair[]> {
  const file = from === "-" ? "standard input" : from;
  const data = from === "-" ? await wholeOf(stdin) : wholeFile(from);
  if (isGdbmDump(data)) {
    const read = readGdbmDump(data);
    if (!read.ok) throw new ConfigError(file, read.line, read.reason, EX_DATAERR);
    return read.entries;
  }
  if (data.length >= 4 && [data.readUInt32LE(0), data.readUInt32BE(0)].some((magic) => GDBM.has(magic))) {
    const how = `dump it first: gdbm_dump ${file} ${file}.dump (Debian package gdbmtool)`;
    throw new ConfigError(file, 0, `is a gdbm file; ${how}`, EX_DATAERR);
  }
  const pairs: OctetPair[] = [];
  if (from !== "-" && isBerkeleyDb(data)) {
    for (const [key, value] of readBerkeleyDb(from)) pairs.push(octets(key, value));
    return pairs;
  }
  if (!data.toString("latin1", 0, 8).startsWith("VERSION=")) {
    throw new ConfigError(
      file,
      0,
      "is neither the output of gdbm_dump or db_dump nor a Berkeley DB file",
      EX_DATAERR,
    );
  }
  for await (const [key, value] of readDumpText(new OctetLines(once(data)).batches(), file)) {
    pairs.push(octets(key, value));
  }
  return pairs;
}

function octets(key: string, value: string): OctetPair {
  return [Buffer.from(key, "latin1"), Buffer.from(value, "latin1")];
}

async function* once(data: Buffer): AsyncGenerator<Buffer> {
  yield data;
}

function wholeFile(file: string): Buffer {
  try {
    if (statSync(file).size > LARGEST) throw tooLarge(file);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`, EX_NOINPUT);
  }
}

async function wholeOf(stream: AsyncIterable<Buffer | string>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stream) {
    pieces.push(Buffer.from(piece));
    size += piece.length;
    if (size > LARGEST) throw tooLarge("standard input");
  }
  return Buffer.concat(pieces);
}

function tooLarge(file: string): UserError {
  return new UserError(`${file}: more than ${LARGEST / 1024 / 1024} MiB is no popauth database`, EX_DATAERR);
}
