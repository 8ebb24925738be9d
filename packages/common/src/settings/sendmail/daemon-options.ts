/**
 * DaemonPortOptions: which of mailhost's listeners each means (op.me section 5.6, DaemonPortOptions).
 */
import type { ListenAddress } from "../settings.ts";
import type { Draft } from "./draft.ts";
import type { Given } from "./model.ts";

const PORTS: Readonly<Record<string, number>> = {
  smtp: 25,
  smtps: 465,
  urd: 465,
  ssmtp: 465,
  submission: 587,
  msa: 587,
};

/** Modifiers that mailhost's listeners have by their kind, or that change nothing here. */
const USUAL_MODIFIERS = "EaAChObs";

/** Fills smtp.listen, smtp.submission and smtp.smtps. None at all means port 25. */
export function applyDaemonOptions(given: readonly Given[], draft: Draft): void {
  if (given.length === 0) return;
  for (const kind of ["listen", "submission", "smtps"]) draft.set(`smtp.${kind}`, []);
  for (const option of given) {
    const listener = readListener(option, draft);
    if (listener !== undefined) draft.add(`smtp.${listener.kind}`, [listener.address], option.origin);
  }
}

interface Listener {
  readonly kind: "listen" | "submission" | "smtps";
  readonly address: ListenAddress;
}

function readListener({ value, origin }: Given, draft: Draft): Listener | undefined {
  const equates = readEquates(value);
  const port = equates.get("P") ?? "smtp";
  const number = /^\d+$/.test(port) ? Number(port) : PORTS[port.toLowerCase()];
  if (number === undefined || number > 65_535) {
    draft.fault(origin, `DaemonPortOptions: Port=${port}: expected a number, smtp, smtps or submission`);
    return undefined;
  }
  const family = (equates.get("F") ?? "inet").toLowerCase();
  if (family !== "inet" && family !== "inet6") {
    draft.note(origin, `DaemonPortOptions: Family=${family}: mailhost listens on inet and inet6 only`);
    return undefined;
  }
  const modifiers = (equates.get("M") ?? "").replace(/[\s,]/g, "");
  const unusual = modifiers.split("").filter((m) => !USUAL_MODIFIERS.includes(m));
  if (unusual.length > 0) {
    draft.note(origin, `DaemonPortOptions: modifier ${unusual.join("")} changes nothing here`);
  }
  const host = readHost(equates.get("A"), family);
  const kind = kindOf(number, modifiers, equates.get("N") ?? "");
  if (kind === "listen" && modifiers.includes("a")) {
    draft.note(origin, "DaemonPortOptions: modifier a (AUTH is needed) counts only on the submission port");
  }
  return { kind, address: { host, port: number } };
}

/** By the modifier s, the port, and for a port that is chosen freely the daemon's name. */
function kindOf(port: number, modifiers: string, name: string): Listener["kind"] {
  if (modifiers.includes("s")) return "smtps";
  if (port === 587) return "submission";
  return port !== 25 && /^(?:MSA|MSP|submission)/i.test(name) ? "submission" : "listen";
}

function readHost(address: string | undefined, family: string): string {
  if (address === undefined || address === "") return family === "inet6" ? "::" : "0.0.0.0";
  return address.replace(/^\[(.*)\]$/, "$1").replace(/^IPv6:/i, "");
}

/** `Name=value, …`; only the first letter of a name counts, as in Sendmail. */
export function readEquates(text: string): ReadonlyMap<string, string> {
  const equates = new Map<string, string>();
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    const key = (at < 0 ? part : part.slice(0, at)).trim().charAt(0).toUpperCase();
    if (key !== "") equates.set(key, at < 0 ? "" : part.slice(at + 1).trim());
  }
  return equates;
}
