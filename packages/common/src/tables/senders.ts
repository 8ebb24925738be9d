/**
 * `etc/mail/senders`: addresses that an account may send under beside its own, `ACCOUNT ADDRESS[,ADDRESS…]` a line. An
 * address is `name@domain`, or `@domain` for every name there.
 */
import { domainKey, localPartKey, splitAddress } from "../address.ts";
import { ConfigError } from "../errors.ts";
import { type ParsedTable, parseMapText, readMapLine, textLines } from "./map-text.ts";
import type { Table } from "./table.ts";

/** Reads the text; what is no address is a fault of its line, and grants nothing. */
export function parseSenders(text: string, file: string): ParsedTable {
  const table = parseMapText(text, file);
  const faults = [...table.faults];
  for (const [at, line] of textLines(text).entries()) {
    const pair = readMapLine(line);
    if (pair === undefined || typeof pair === "string") continue;
    const wrong = grantsOf(pair.value).find((grant) => !/^[^@\s]*@[^@\s]+$/.test(grant));
    if (wrong !== undefined)
      faults.push(new ConfigError(file, at + 1, `${wrong}: expected an address, or @ and a domain`));
  }
  return { ...table, faults };
}

/**
 * The entry that lets an account send under an address: `wang: @sales.example`. Undefined: none does.
 *
 * @param account its name, in lower case
 */
export function findSenderGrant(
  table: Pick<Table, "get">,
  account: string,
  address: string,
): string | undefined {
  const { localPart, domain } = splitAddress(address);
  if (domain === "") return undefined;
  const grant = grantsOf(table.get(account) ?? "").find((text) => {
    const granted = splitAddress(text);
    if (domainKey(granted.domain || text.replace(/^@/, "")) !== domainKey(domain)) return false;
    return text.startsWith("@") || localPartKey(granted.localPart) === localPartKey(localPart);
  });
  return grant === undefined ? undefined : `${account}: ${grant}`;
}

function grantsOf(value: string): string[] {
  return value.split(/[\s,]+/).filter((grant) => grant !== "");
}
