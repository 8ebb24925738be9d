/**
 * The open-relay self-test: a stranger who asks us to pass mail on must be refused, by the same decision that a real
 * one would meet. DRAC is left out: it lets in who has just fetched mail, which is its purpose.
 */
import type { Settings } from "@mailhost/common/settings/settings";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import { hostPolicyFacts } from "@mailhost/mta/policy/host-facts";
import { interfaceAddresses } from "@mailhost/mta/policy/local-domains";
import { decideRecipient } from "@mailhost/mta/policy/relay-decision";
import { policyWarnings } from "@mailhost/mta/policy/warnings";
import type { Finding } from "./finding.ts";

/**
 * Addresses of nobody (RFC 5737, RFC 5180, RFC 9637): whoever they may be, they are not on the LAN. None is in
 * 2001:db8, which is the example of an IPv6 network everywhere.
 */
const STRANGERS = ["192.0.2.77", "198.51.100.77", "203.0.113.77", "2001:2::77", "3fff:77::77"];

/** A recipient that can not be ours (RFC 2606), and the routes that have fooled mailers. */
function foreignRecipients(hostname: string): string[] {
  return [
    "someone@outside.example",
    `someone%outside.example@${hostname}`,
    `outside.example!someone@${hostname}`,
    `"someone@outside.example"@${hostname}`,
  ];
}

/** Puts every stranger's every recipient to the decision. */
export function checkRelaying(settings: Settings, tables: SiteTables): Finding[] {
  const own = interfaceAddresses();
  const facts = hostPolicyFacts({ settings, tables, ownAddresses: () => own });
  const warnings = policyWarnings(settings.policy).map(
    (text): Finding => ({
      level: settings.policy.promiscuousRelay && text.startsWith("OPEN RELAY") ? "error" : "warning",
      about: "relaying",
      text,
    }),
  );
  if (settings.policy.promiscuousRelay) return warnings;
  const findings: Finding[] = [];
  for (const ip of STRANGERS) {
    for (const recipient of foreignRecipients(settings.hostname)) {
      const { verdict } = decideRecipient({ ip, name: "" }, recipient, facts);
      if (verdict.kind !== "accept") continue;
      const text = `open relay: ${ip} may send to <${recipient}>: ${verdict.why}`;
      findings.push({ level: "error", about: "relaying", text });
    }
  }
  return findings.length > 0
    ? [...warnings, ...findings]
    : [...warnings, { level: "ok", about: "relaying", text: "strangers are refused: no open relay" }];
}
