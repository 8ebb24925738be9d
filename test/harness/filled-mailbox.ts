/**
 * A host with a mailbox that holds a few awkward messages, for the tests of programs that fetch.
 */
import type { TestContext } from "node:test";
import { type MailHost, startHost } from "./host.ts";
import { mailText } from "./mail.ts";
import { sendMail } from "./smtp-client.ts";

/** Bodies that mean something to mbox, SMTP or POP3; each ends with a mark that tells it apart. */
export const AWKWARD_BODIES = [
  "plain\r\nbody-0\r\n",
  ".\r\n..\r\n.leading dot\r\nbody-1\r\n",
  "From the start of a line\r\n\r\nFrom wang Tue Nov 24 21:59:01 2026\r\n>From quoted\r\nbody-2\r\n",
  `${"x".repeat(5000)}\r\n\r\n\r\nbody-3\r\n`,
] as const;

/** Starts it, with the messages delivered to wang. */
export async function hostWithMail(t: TestContext): Promise<MailHost> {
  const host = await startHost(t, { users: ["wang"] });
  for (const [i, body] of AWKWARD_BODIES.entries()) {
    const reply = await sendMail(
      host.smtp,
      { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" },
      mailText(`awkward ${i}`, body),
    );
    if (reply.code !== 250) throw new Error(`${reply.code} ${reply.text}`);
    await host.arrived("wang", i + 1);
  }
  return host;
}
