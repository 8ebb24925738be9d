/**
 * What an entry of access comes to, at the stage that found it.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import type { PolicySettings } from "@mailhost/common/settings/sendmail-settings";
import type { Found } from "./access-lookup.ts";
import { readRefusal } from "./access-value.ts";
import type { Verdict } from "./policy-facts.ts";
import { reply } from "./reply.ts";

/** The verdict of an entry; undefined when there is none, or it is SKIP. `rejection` is what REJECT says here. */
export function accessVerdict(found: Found | undefined, rejection: SmtpReply): Verdict | undefined {
  if (found === undefined) return undefined;
  const why = `access: ${found.key}`;
  switch (found.value.kind) {
    case "skip":
      return undefined;
    case "reject":
      return { kind: "refuse", reply: rejection, why: `${why} REJECT` };
    case "error":
      return { kind: "refuse", reply: found.value.reply, why: `${why} ERROR` };
    case "discard":
      return { kind: "discard", why: `${why} DISCARD` };
    case "quarantine":
      return { kind: "quarantine", reason: found.value.reason, why: `${why} QUARANTINE` };
    default:
      return { kind: "accept", why: `${why} ${found.value.kind.toUpperCase()}`, entry: true };
  }
}

/** What REJECT says to clients and senders (confREJECT_MSG). */
export function rejection(rules: PolicySettings): SmtpReply {
  return rules.rejectMessage === undefined
    ? reply(550, "5.7.1", "Access denied")
    : readRefusal(rules.rejectMessage);
}
