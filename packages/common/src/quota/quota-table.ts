/**
 * `etc/mail/quotas`: limits of single mailboxes, `NAME SIZE` a line.
 *
 *     alice            500MiB
 *     bob@a.example    2GiB
 *     @a.example       100MiB
 *     archive          none
 *
 * `@domain` is for the users of a domain that has its own. `none` lifts quota.mailbox.
 */
import { ConfigError } from "../errors.ts";
import { isMailDomain, mailboxNameFault } from "../mbox/mailbox-name.ts";
import { readSize } from "../settings/units.ts";
import { type ParsedTable, readMapLine, textLines } from "../tables/map-text.ts";

/**
 * Reads the text; each value is octets, `0` for none.
 *
 * @param file its name, for messages
 */
export function parseQuotas(text: string, file: string): ParsedTable {
  const table: ParsedTable = { entries: new Map(), faults: [], duplicates: [] };
  textLines(text).forEach((line, index) => {
    const read = readLine(line);
    if (read === undefined) return;
    if (typeof read === "string") table.faults.push(new ConfigError(file, index + 1, read));
    else if (table.entries.has(read.name)) {
      const warning = `${read.name} comes twice; the first counts`;
      table.duplicates.push(new ConfigError(file, index + 1, warning));
    } else table.entries.set(read.name, String(read.octets));
  });
  return table;
}

function readLine(line: string): { readonly name: string; readonly octets: number } | string | undefined {
  const pair = readMapLine(line.trim(), { fold: false });
  if (pair === undefined) return undefined;
  if (typeof pair === "string") return "expected NAME SIZE";
  const name = pair.key.toLowerCase();
  const text = pair.value.trim();
  const nameFault = name.startsWith("@")
    ? isMailDomain(name.slice(1))
      ? undefined
      : "no domain"
    : mailboxNameFault(name);
  if (nameFault !== undefined) return `${pair.key}: ${nameFault}: expected a mailbox, or @domain`;
  if (text === "none") return { name, octets: 0 };
  const size = readSize(text);
  if (!size.ok) return `${pair.key}: ${JSON.stringify(text)}: expected none or ${size.expected}`;
  return size.value > 0 ? { name, octets: size.value } : `${pair.key}: 0 octets: write none for no limit`;
}
