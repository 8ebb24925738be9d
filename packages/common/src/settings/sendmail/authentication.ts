/**
 * SMTP AUTH: AuthMechanisms, class {TrustAuthMech}, AuthOptions and the modifier A of DaemonPortOptions.
 *
 * With Sendmail everybody may log in with a mechanism of AuthMechanisms, and relays by it when it is one of {TrustAuthMech}
 * too. Here whoever has logged in relays: mechanisms that are in both are offered, and no others.
 */
import { SASL_MECHANISMS } from "../../sasl/mechanisms.ts";
import { readEquates } from "./daemon-options.ts";
import type { Draft } from "./draft.ts";
import type { Given, SendmailConfig } from "./model.ts";
import { readWords } from "./option-values.ts";

/** What Sendmail offers when nothing is said, of what there is here. */
const USUAL = ["CRAM-MD5"];

/** Fills auth.mechanisms and tls.allowPlaintextAuth. */
export function applyAuthentication(config: SendmailConfig, draft: Draft): void {
  const asked = config.options.get("AuthMechanisms")?.at(-1);
  const trusting = config.classes.get("TrustAuthMech")?.words ?? [];
  const wanted = asked === undefined ? USUAL : readWords(asked.value).map((name) => name.toUpperCase());
  const trusted = trusting.flatMap(({ value }) => readWords(value)).map((name) => name.toUpperCase());
  const both = wanted.filter((name) => trusted.includes(name));
  const offered = SASL_MECHANISMS.map(({ name }) => name).filter((name) => both.includes(name));
  const origin = asked?.origin ?? trusting.at(-1)?.origin;
  const daemons = config.options.get("DaemonPortOptions") ?? [];
  const without = daemons.filter((daemon) => modifiersOf(daemon).includes("A"));
  if (without.length > 0 && without.length === daemons.length) {
    draft.set("auth.mechanisms", [], without[0]!.origin);
    return;
  }
  for (const daemon of without)
    draft.note(daemon.origin, "DaemonPortOptions: modifier A (no AUTH) counts when every daemon has it");
  draft.set("auth.mechanisms", offered, origin);
  if (asked === undefined || asked.value.trim() === "") return;
  noteMechanisms(asked, { wanted, trusted, offered }, draft);
  const options = config.options.get("AuthOptions")?.at(-1)?.value ?? "";
  const plain = wanted.some((name) => name === "PLAIN" || name === "LOGIN");
  if (!plain || options.includes("p")) return;
  draft.set("tls.allowPlaintextAuth", true, asked.origin);
  draft.note(asked.origin, "SMTP and POP3 take passwords unencrypted, as AuthOptions has no p");
}

function modifiersOf({ value }: Given): string {
  return readEquates(value).get("M") ?? "";
}

interface Mechanisms {
  readonly wanted: readonly string[];
  readonly trusted: readonly string[];
  readonly offered: readonly string[];
}

/** What of AuthMechanisms is not offered, and why. */
function noteMechanisms({ origin }: Given, { wanted, trusted, offered }: Mechanisms, draft: Draft): void {
  const known: readonly string[] = SASL_MECHANISMS.map(({ name }) => name);
  const unknown = wanted.filter((name) => !known.includes(name));
  const untrusted = wanted.filter((name) => known.includes(name) && !trusted.includes(name));
  if (unknown.length > 0)
    draft.note(origin, `AuthMechanisms: ${unknown.join(" ")}: there are ${known.join(", ")} here`);
  if (untrusted.length > 0) {
    const names = untrusted.join(" ");
    draft.note(
      origin,
      `AuthMechanisms: ${names}: offered once TRUST_AUTH_MECH names it, as a login lets relay here`,
    );
  }
  if (offered.length === 0) draft.note(origin, "SMTP AUTH is not offered: no mechanism is left");
}
