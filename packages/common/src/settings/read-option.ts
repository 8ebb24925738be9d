/**
 * Reads the value of one setting, checked against its row in the table of options.
 */
import { isScalar, isSeq, parseDocument } from "yaml";
import { readNetwork } from "../network-list.ts";
import { NO_LIMIT, type Option } from "./option.ts";
import { formatDuration, type Read, readDuration, readListenAddress, readSize } from "./units.ts";

/** Reads a value that is a text of its own, as `MAILHOST_SETTING` gives it: as one would write it behind the key. */
export function readOptionText(option: Option, text: string): Read<unknown> {
  if (option.kind === "string") {
    return text.trim() === "" ? { ok: false, expected: "a text" } : { ok: true, value: text.trim() };
  }
  const document = parseDocument(text, { prettyErrors: false });
  return document.errors.length > 0
    ? { ok: false, expected: "a value as in mailhost.yaml" }
    : readOption(option, document.contents);
}

/** Reads what stands behind a key. */
export function readOption(option: Option, node: unknown): Read<unknown> {
  const one = isScalar(node) ? node.value : undefined;
  const text = typeof one === "string" || typeof one === "number" ? String(one) : undefined;
  const isNumber = option.kind === "integer" || option.kind === "size";
  if (isNumber && option.max === undefined && one === "unlimited") return { ok: true, value: NO_LIMIT };
  switch (option.kind) {
    case "string":
      // What is empty unless said otherwise may be emptied again.
      return text === undefined || (text === "" && option.default() !== "")
        ? { ok: false, expected: "a text" }
        : { ok: true, value: text };
    case "boolean":
      return typeof one === "boolean" ? { ok: true, value: one } : { ok: false, expected: "true or false" };
    case "integer":
      return typeof one === "number" && Number.isSafeInteger(one)
        ? bounded(option, one, String)
        : { ok: false, expected: "a whole number" };
    case "duration": {
      const read = readDuration(typeof one === "string" ? one : "");
      return read.ok ? bounded(option, read.value, formatDuration) : read;
    }
    case "size": {
      const read = readSize(text ?? "");
      return read.ok ? bounded(option, read.value, String) : read;
    }
    case "addresses":
      return readList(node, readListenAddress);
    case "strings":
      return readList(node, (item) => ({ ok: true, value: item }));
    case "networks":
      return readList(node, (item) =>
        readNetwork(item) === undefined
          ? { ok: false, expected: "addresses and networks such as 192.0.2, 192.0.2.0/24 or 2001:db8::/32" }
          : { ok: true, value: item },
      );
    case "accounts":
      return readList(node, (item) =>
        item === "file" || item === "system" || item === "ldap"
          ? { ok: true, value: item }
          : { ok: false, expected: "a list of file, system and ldap" },
      );
    case "choice": {
      const choices = option.choices ?? [];
      return text !== undefined && choices.includes(text)
        ? { ok: true, value: text }
        : { ok: false, expected: `one of ${choices.join(", ")}` };
    }
    case "path":
      if (one === false) return { ok: true, value: "" };
      return text === undefined || text === ""
        ? { ok: false, expected: "a path, or false" }
        : { ok: true, value: text };
    case "logFormat":
      return text === "sendmail" || text === "json"
        ? { ok: true, value: text }
        : { ok: false, expected: "sendmail or json" };
  }
}

function bounded(option: Option, value: number, print: (n: number) => string): Read<number> {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = option;
  if (value < min) return { ok: false, expected: `at least ${print(min)}` };
  if (value > max) return { ok: false, expected: `at most ${print(max)}` };
  return { ok: true, value };
}

/** A list, or a single value standing for a list of one. */
function readList<T>(node: unknown, item: (text: string) => Read<T>): Read<readonly T[]> {
  const items = isSeq(node) ? node.items : [node];
  const values: T[] = [];
  for (const entry of items) {
    const value = isScalar(entry) ? entry.value : undefined;
    if (value === null && !isSeq(node)) return { ok: true, value: [] };
    if (typeof value !== "string" && typeof value !== "number")
      return { ok: false, expected: "a list of texts" };
    const read = item(String(value));
    if (!read.ok) return read;
    values.push(read.value);
  }
  return { ok: true, value: values };
}
