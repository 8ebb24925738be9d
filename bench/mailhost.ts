/**
 * mailhost as the bench runs it: default settings, on loopback ports, below a temporary root.
 */
import { spawnSync } from "node:child_process";
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

/** The commit that is measured, with a plus when files were changed since. */
function checkout(): string {
  const { stdout } = spawnSync("git", ["describe", "--always", "--dirty=+"], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  return stdout?.trim() || "unknown";
}

async function site(scope: Scope, names: readonly string[], sink: number) {
  const relay = { smartHost: "[127.0.0.1]", port: sink };
  const prepared = await prepareSite(scope, { ...OPTIONS, settings: { ...OPTIONS.settings, relay } });
  await addAccounts(prepared, names);
  return prepared;
}

/** Its SMTP side. */
export const mailhostSmtp: SmtpPeer = {
  name: "mailhost",
  version: checkout(),
  relays: true,
  async start(scope, prefix = [], sink = 9) {
    const host = await startOn(scope, await site(scope, MAILBOXES, sink), prefix);
    return { port: host.smtp.port, mailboxes: host.path("var/spool/mail") };
  },
};

/** Its POP3 side. */
export const mailhostPop3: Pop3Peer = {
  name: "mailhost",
  version: checkout(),
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
