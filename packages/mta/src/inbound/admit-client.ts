/**
 * Whether a client is let in at all: the load of the machine, the places that are taken, bans of those who guess passwords.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import { clientIsTrustedNetwork } from "../policy/relay-decision.ts";
import { formatReply, reply } from "../policy/reply.ts";
import type { Place } from "./connection-limits.ts";
import { policyFacts } from "./inbound-parts.ts";
import type { SmtpSession } from "./smtp-session.ts";

/** Takes a place for the client, or says why it gets none; the reply is without the host's name. */
export function admitClient(session: SmtpSession): Place | { readonly refusal: SmtpReply } {
  const { inbound, listener, remoteAddress: ip, relayText } = session;
  const { guard, limits, load, log, settings } = inbound;
  const tooBusy = load?.refusal();
  if (tooBusy !== undefined) return { refusal: tooBusy };
  // A ban is for those who guess passwords: other servers behind the same address still bring us mail.
  if (listener.kind !== "smtp" && guard?.banned(ip) !== undefined) {
    const refusal = reply(421, "4.7.0", "Too many failed logins from your address; try again later");
    log.write("info", `rejecting connection from ${relayText}: ${formatReply(refusal)}`);
    return { refusal };
  }
  const counted = clientIsTrustedNetwork({ ip, name: "" }, policyFacts(inbound)) === undefined;
  const place = limits.enter(ip, counted);
  if ("refusal" in place) {
    if (place.refusal.text.startsWith("Too many open connections; "))
      listener.noteFull(settings().smtp.maxConnections);
    log.write("info", `rejecting connection from ${relayText}: ${formatReply(place.refusal)}`);
    return place;
  }
  listener.noteRoom();
  if (inbound.gateways.has(ip)) {
    log.write(
      "warn",
      `connection from the container gateway [${ip}]: the client's address is hidden, network rules do not apply`,
    );
  }
  return place;
}
