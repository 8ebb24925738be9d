/**
 * SASL LOGIN: name and password, one response each. It was never standardised (draft-murchison-sasl-login); Outlook
 * speaks it.
 */
import { malformed, nameText, passwordText, type SaslMechanism, type SaslStep } from "./mechanism.ts";

/** LOGIN. */
export const LOGIN: SaslMechanism = {
  name: "LOGIN",
  clearText: true,
  start() {
    let name: string | undefined;
    const respond = (response: Buffer): SaslStep => {
      if (name === undefined) {
        const given = nameText(response);
        if (given === undefined || given === "")
          return malformed("the name is empty, too long or not plain text");
        name = given;
        return { kind: "challenge", octets: Buffer.from("Password:") };
      }
      const password = passwordText(response);
      if (password === undefined) return malformed("the password is empty, too long or not plain text");
      return { kind: "credentials", credentials: { kind: "password", name, authorization: "", password } };
    };
    return {
      // Some clients send the name as the initial response.
      begin: (initial) =>
        initial === undefined ? { kind: "challenge", octets: Buffer.from("Username:") } : respond(initial),
      respond,
    };
  },
};
