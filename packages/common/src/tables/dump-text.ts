/**
 * Reads what Berkeley DB's `db_dump` prints, with and without `-p`: a table's way out of a file that nothing else reads.
 */
import { ConfigError } from "../errors.ts";
import type { OctetEntry } from "./compile.ts";

/**
 * The entries of a dump, as strings of octets.
 *
 * @param batches lines without their ends
 * @param file its name, for messages
 * @throws ConfigError naming the line that is no part of a dump, also when its end is missing
 */
export async function* readDumpText(
  batches: AsyncIterable<readonly string[]>,
  file: string,
): AsyncGenerator<OctetEntry> {
  const refuse = (reason: string) => new ConfigError(file, number, reason);
  let number = 0;
  let part: "header" | "data" | "end" = "header";
  let printable = false;
  let key: string | undefined;
  for await (const batch of batches) {
    for (const line of batch) {
      number++;
      if (part === "header") {
        if (number === 1 && !line.startsWith("VERSION="))
          throw refuse("is not the output of db_dump: it does not begin with VERSION=");
        printable ||= line === "format=print";
        if (line === "HEADER=END") part = "data";
      } else if (line === "DATA=END") {
        part = "end";
      } else {
        const octets =
          part === "data" && line.startsWith(" ") ? decoded(line.slice(1), printable) : undefined;
        if (octets === undefined) throw refuse("is no line of a dump");
        if (key !== undefined) yield [key, octets];
        key = key === undefined ? octets : undefined;
      }
    }
  }
  if (part !== "end" || key !== undefined) throw refuse("the dump ends too early");
}

/** Octets as printed: `\\` and `\xx` beside printable characters, or two hexadecimal digits each. */
function decoded(text: string, printable: boolean): string | undefined {
  if (!printable)
    return /^(?:[0-9a-f]{2})*$/i.test(text) ? Buffer.from(text, "hex").toString("latin1") : undefined;
  if (!/^(?:[^\\]|\\\\|\\[0-9a-f]{2})*$/i.test(text)) return undefined;
  return text.replace(/\\(\\|[0-9a-f]{2})/gi, (_, what: string) =>
    what === "\\" ? "\\" : String.fromCharCode(Number.parseInt(what, 16)),
  );
}
