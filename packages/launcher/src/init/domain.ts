/**
 * Domain and host names as an administrator may give them.
 */
import type { Read } from "@mailhost/common/settings/units";

/**
 * Reads a domain: letters, digits and hyphens in at least two labels (RFC 1035 section 2.3.1, RFC 1123 section 2.1).
 * Names of other scripts are given in their `xn--` form. A trailing dot is taken off; the value is lower case.
 */
export function readDomain(text: string): Read<string> {
  const name = text.toLowerCase().replace(/\.$/, "");
  const labels = name.split(".");
  const good =
    name.length <= 253 &&
    labels.length >= 2 &&
    labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) &&
    !/^\d+$/.test(labels.at(-1)!);
  return good
    ? { ok: true, value: name }
    : { ok: false, expected: "a domain such as example.com (letters, digits, hyphens, at least one dot)" };
}
