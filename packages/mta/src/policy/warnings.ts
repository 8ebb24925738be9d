/**
 * What a postmaster is told of settings that let strangers relay: in the log at each start and reload, by `mailhost start`,
 * `mailhost check` and `mailhost trace`.
 */
import type { PolicySettings } from "@mailhost/common/settings/sendmail-settings";

/** One line for each. */
export function policyWarnings(policy: PolicySettings): string[] {
  const warnings: string[] = [];
  if (policy.promiscuousRelay)
    warnings.push(
      "OPEN RELAY: policy.promiscuousRelay is on, anybody can send mail to anywhere through this host; set it to false unless no stranger can reach it",
    );
  if (policy.relayLocalFrom)
    warnings.push(
      "policy.relayLocalFrom lets whoever calls himself one of our users relay; name networks in access instead",
    );
  if (policy.relayMailFrom !== "off")
    warnings.push(
      "policy.relayMailFrom lets whoever uses a sender with a From: RELAY entry relay; name networks in access instead",
    );
  return warnings;
}
