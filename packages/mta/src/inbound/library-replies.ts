/**
 * smtp-server's own words for what it refuses by itself, and ours in their place.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import { reply } from "../policy/reply.ts";

const REPLIES: readonly (readonly [RegExp, (host: string) => SmtpReply])[] = [
  [/^Timeout/, (host) => reply(421, "4.4.2", `${host} Timeout waiting for input; closing connection`)],
  [
    /Command line too long/,
    (host) => reply(421, "4.7.0", `${host} Command line too long; closing connection`),
  ],
  [/shutting down/, (host) => reply(421, "4.3.2", `${host} Service shutting down; closing connection`)],
  [/Ready to start TLS/, () => reply(220, "2.0.0", "Ready to start TLS")],
  [/TLS already active/, () => reply(503, "5.5.0", "TLS already active")],
  [/syntax: STARTTLS/, () => reply(501, "5.5.2", "Syntax error (no parameters allowed)")],
];

/** The reply for what the library wants to say. */
export function libraryReply(code: number, text: string, host: string): SmtpReply {
  const known = REPLIES.find(([pattern]) => pattern.test(text))?.[1](host);
  return known ?? reply(code, `${String(code)[0]}.0.0`, text.replace(/^Error: /, ""));
}
