/**
 * One entry of Qpopper's popauth database: the key is the name and a NUL; the value is the password, each octet XOR 0xff, a
 * NUL, and behind that the verifiers of SCRAM-MD5, which nobody speaks any more and which are not taken over.
 */
import { obscured, popauthNameFault, secretFault } from "@mailhost/common/accounts/popauth-format";

/** An account's secret, or why the entry is none; `shown` names it for people. */
export type QpopperEntry =
  | { readonly ok: true; readonly name: string; readonly secret: Buffer }
  | { readonly ok: false; readonly shown: string; readonly reason: string };

/** Reads an entry. */
export function readQpopperEntry(key: Buffer, value: Buffer): QpopperEntry {
  const named = key.at(-1) === 0 ? key.subarray(0, -1) : key;
  const shown = JSON.stringify(named.toString("latin1"));
  const refuse = (reason: string): QpopperEntry => ({ ok: false, shown, reason });
  const name = named.toString("utf8").toLowerCase();
  const fault = popauthNameFault(name);
  if (fault !== undefined) return refuse(fault);
  const end = value.indexOf(0);
  const secret = obscured(end < 0 ? value : value.subarray(0, end));
  // Some versions turned the NUL at the end over too.
  const whole = secret.at(-1) === 0 ? secret.subarray(0, -1) : secret;
  if (whole.length === 0) return refuse("has no APOP password, perhaps one for SCRAM only");
  const wrong = secretFault(whole);
  return wrong === undefined ? { ok: true, name, secret: whole } : refuse(wrong);
}
