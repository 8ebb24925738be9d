/**
 * Which SASL mechanisms a session may use now, and why it may use none.
 *
 * AUTH as a whole is offered on an encrypted connection, to this host and RELAY networks, and everywhere with
 * tls.allowPlaintextAuth. That holds for CRAM-MD5 too, although it sends no password: whoever reads its exchange along can
 * guess at the secret at leisure, and whoever sits between can take over what was authenticated.
 */
import { uidAdmission } from "@mailhost/common/login/admission";
import { hasSecrets, type LoginParts } from "@mailhost/common/login/judge";
import type { SaslMechanism } from "@mailhost/common/sasl/mechanism";
import { SASL_MECHANISMS } from "@mailhost/common/sasl/mechanisms";
import { clientIsTrustedNetwork } from "../policy/relay-decision.ts";
import { type InboundParts, policyFacts } from "./inbound-parts.ts";
import type { SmtpSession } from "./smtp-session.ts";

/** What logins are judged by, here as in POP3; undefined where nobody logs in. */
export function loginParts({ settings, accounts, tables, popauth }: InboundParts): LoginParts | undefined {
  return popauth === undefined
    ? undefined
    : { settings, accounts, tables, popauth, admission: uidAdmission(settings) };
}

/** `none`: there is nothing to log in with. `needs TLS`: there will be, once the connection is encrypted. */
export type AuthOffer = readonly SaslMechanism[] | "none" | "needs TLS";

/** What the session may use now, whether or not it has used it already. */
export function authOffer(session: SmtpSession): AuthOffer {
  const { inbound, listener } = session;
  const configured = configuredMechanisms(inbound);
  if (configured.length === 0) return "none";
  if (session.secure || inbound.settings().tls.allowPlaintextAuth) return configured;
  const trusted = clientIsTrustedNetwork(session.check.client, policyFacts(inbound)) !== undefined;
  if (trusted) return configured;
  return listener.offersTls ? "needs TLS" : "none";
}

/** What EHLO announces: nothing to whoever has logged in. */
export function offeredMechanisms(session: SmtpSession): readonly SaslMechanism[] {
  const offer = session.auth === undefined ? authOffer(session) : "none";
  return typeof offer === "string" ? [] : offer;
}

function configuredMechanisms(inbound: InboundParts): readonly SaslMechanism[] {
  const parts = loginParts(inbound);
  if (parts === undefined) return [];
  const wanted = inbound.settings().auth.mechanisms.map((name) => name.toUpperCase());
  return SASL_MECHANISMS.filter(
    ({ name, clearText }) => wanted.includes(name) && (clearText || hasSecrets(parts)),
  );
}
