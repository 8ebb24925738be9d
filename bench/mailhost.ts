/**
 * mailhost as the bench runs it: default settings, on loopback ports, below a temporary root.
 */
import { chmodSync, chownSync, copyFileSync, statSync } from "node:fs";
import { type HostOptions, PASSWORD, prepareSite, type Scope, startOn } from "../test/harness/host.ts";
import { addAccounts } from "../test/harness/many-accounts.ts";
import { DOMAIN, MAILBOXES, type Pop3Peer, type SmtpPeer } from "./peer.ts";
import { letItBeOld } from "./pop3-mailboxes.ts";

const OPTIONS: HostOptions = {
  settings: { queue: { interval: "20m" } },
  files: { "etc/mail/local-host-names": `${DOMAIN}\n` },
  zone: { "client.test": { a: ["127.0.0.1"] } },
};

async function site(scope: Scope, names: readonly string[]) {
  const prepared = await prepareSite(scope, OPTIONS);
  await addAccounts(prepared, names);
  return prepared;
}

/** Its SMTP side. */
export const mailhostSmtp: SmtpPeer = {
  name: "mailhost",
  version: "this checkout",
  async start(scope, prefix = []) {
    const host = await startOn(scope, await site(scope, MAILBOXES), prefix);
    return { port: host.smtp.port, mailboxes: host.path("var/spool/mail") };
  },
};

/** Its POP3 side. */
export const mailhostPop3: Pop3Peer = {
  name: "mailhost",
  version: "this checkout",
  async start(scope, users) {
    const prepared = await prepareSite(scope, {
      ...OPTIONS,
      settings: { ...OPTIONS.settings, pop3: { maxConnections: 5000, maxConnectionsPerClient: 5000 } },
    });
    await addAccounts(prepared, users);
    const host = await startOn(scope, prepared);
    const mailbox = (user: string) => prepared.path(`var/spool/mail/${user}`);
    const { uid, gid } = statSync(prepared.path("var/spool/mail"));
    return {
      port: host.pop3.port,
      password: PASSWORD,
      mailbox,
      fill(user, mbox) {
        copyFileSync(mbox, mailbox(user));
        chownSync(mailbox(user), uid, gid);
        chmodSync(mailbox(user), 0o660);
        letItBeOld(mailbox(user));
      },
      processes: () => [host.pid("pop3")],
    };
  },
};
