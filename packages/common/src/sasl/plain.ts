/**
 * SASL PLAIN (RFC 4616): `authorization NUL name NUL password` in one response.
 */
import { malformed, nameText, passwordText, type SaslMechanism, type SaslStep } from "./mechanism.ts";

/** PLAIN. */
export const PLAIN: SaslMechanism = {
  name: "PLAIN",
  clearText: true,
  start: () => ({
    begin: (initial) =>
      initial === undefined ? { kind: "challenge", octets: Buffer.alloc(0) } : read(initial),
    respond: read,
  }),
};

function read(message: Buffer): SaslStep {
  const first = message.indexOf(0);
  const second = first < 0 ? -1 : message.indexOf(0, first + 1);
  if (second < 0 || message.indexOf(0, second + 1) >= 0) return malformed("expected two NUL");
  const authorization = nameText(message.subarray(0, first));
  const name = nameText(message.subarray(first + 1, second));
  const password = passwordText(message.subarray(second + 1));
  if (authorization === undefined || name === undefined || name === "" || password === undefined) {
    return malformed("name or password is empty, too long or not plain text");
  }
  return { kind: "credentials", credentials: { kind: "password", name, authorization, password } };
}
