/**
 * Reads what GNU dbm's `gdbm_dump` writes, both formats of it (gdbm_dump(1), gdbm's "Export and Import").
 *
 * ascii: `#:` lines with parameters, then for each datum `#:len=N` and base64. binary: a header of lines that begin with `!`,
 * then for each datum its length and its octets; the length is a 32-bit number in network order, in as many octets as the
 * machine's `unsigned long` had.
 */

/** Entries as octets, or what is wrong. */
export type GdbmDump =
  | { readonly ok: true; readonly entries: readonly (readonly [key: Buffer, value: Buffer])[] }
  | { readonly ok: false; readonly line: number; readonly reason: string };

const BINARY = Buffer.from("!\r\n! GDBM FLAT FILE DUMP");
const HEADER_END = Buffer.from("\r\n!\r\n");

/** Whether a file is such a dump. */
export function isGdbmDump(data: Buffer): boolean {
  return isBinary(data) || /^# GDBM dump file/.test(data.toString("latin1", 0, 32));
}

/** Reads a dump to its last octet; nothing is guessed. */
export function readGdbmDump(data: Buffer): GdbmDump {
  return isBinary(data) ? readBinary(data) : readAscii(data.toString("latin1"));
}

function isBinary(data: Buffer): boolean {
  return data.subarray(0, BINARY.length).equals(BINARY);
}

function readAscii(text: string): GdbmDump {
  const bad = (line: number, reason: string): GdbmDump => ({ ok: false, line, reason });
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  const data: Buffer[] = [];
  let announced: number | undefined;
  let ended = false;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const length = /^#:len=(\d+)$/.exec(line)?.[1];
    const count = /^#:count=(\d+)$/.exec(line)?.[1];
    if (ended && line !== "") return bad(at + 1, "something follows the end of the data");
    if (count !== undefined) announced = Number(count);
    else if (line === "# End of data") ended = true;
    else if (length !== undefined) {
      let coded = "";
      while (at + 1 < lines.length && !lines[at + 1]!.startsWith("#")) coded += lines[++at]!;
      const octets = Buffer.from(coded, "base64");
      if (octets.toString("base64") !== coded || octets.length !== Number(length)) {
        return bad(at + 1, `is not base64 of ${length} octets`);
      }
      data.push(octets);
    } else if (!line.startsWith("#") && line !== "") return bad(at + 1, "is no line of a dump");
  }
  if (!ended) return bad(lines.length, "the dump ends too early");
  if (data.length % 2 !== 0 || (announced !== undefined && announced !== data.length / 2)) {
    return bad(
      lines.length,
      `the dump has ${data.length / 2} entries, not the ${announced ?? "?"} that it says`,
    );
  }
  return { ok: true, entries: pairs(data) };
}

function readBinary(data: Buffer): GdbmDump {
  const end = data.indexOf(HEADER_END, BINARY.length);
  if (end < 0) return { ok: false, line: 0, reason: "the head of the dump has no end" };
  const body = data.subarray(end + HEADER_END.length);
  // A length in the wrong layout runs out of the file at once, or leaves octets over.
  const layouts = [
    { size: 8, at: 0, zero: 4 },
    { size: 8, at: 4, zero: 0 },
    { size: 4, at: 0, zero: undefined },
  ];
  for (const layout of layouts) {
    const read = inLayout(body, layout);
    if (read !== undefined) return { ok: true, entries: pairs(read) };
  }
  return { ok: false, line: 0, reason: "the dump is damaged or ends too early" };
}

function inLayout(
  body: Buffer,
  { size, at, zero }: { readonly size: number; readonly at: number; readonly zero: number | undefined },
): Buffer[] | undefined {
  const data: Buffer[] = [];
  let from = 0;
  while (from < body.length) {
    if (from + size > body.length) return undefined;
    if (zero !== undefined && body.readUInt32BE(from + zero) !== 0) return undefined;
    const length = body.readUInt32BE(from + at);
    from += size;
    if (from + length > body.length) return undefined;
    data.push(body.subarray(from, from + length));
    from += length;
  }
  return data.length % 2 === 0 ? data : undefined;
}

function pairs(data: readonly Buffer[]): (readonly [Buffer, Buffer])[] {
  return Array.from({ length: data.length / 2 }, (_, i) => [data[2 * i]!, data[2 * i + 1]!] as const);
}
