/**
 * Whether a password may be sent that can be read on its way: Qpopper's clear-text-password, and tls.allowPlaintextAuth
 * where that is `default`. It concerns USER and PASS, and PLAIN and LOGIN of AUTH alike.
 *
 * `never` and `local` rule out encrypted connections too, as with Qpopper; `always` asks for nothing.
 */
import { isLoopback } from "@mailhost/common/tables/relay-networks";
import type { Turn } from "../verbs/turn.ts";

/** What is said when it may not; undefined: it may. Nothing here depends on a name. */
export function clearTextRefusal(turn: Turn): string | undefined {
  const { client, services, texts } = turn;
  switch (services.settings().pop3.clearTextPassword) {
    case "always":
      return undefined;
    case "never":
      return texts.strongerNeeded;
    case "local":
      return isLoopback(client.ip) && !client.hidden ? undefined : texts.strongerNeeded;
    case "tls":
      return client.secure ? undefined : texts.tlsOrStrongerNeeded;
    case "default":
      if (turn.mayUsePassword()) return undefined;
      return (services.popauth?.state().kind ?? "absent") === "absent"
        ? texts.needsTls
        : texts.tlsOrStrongerNeeded;
  }
}
