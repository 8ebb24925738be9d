/**
 * mailhost as the bench runs it: default settings, on loopback ports, below a temporary root.
 */
import { renameSync, rmSync } from "node:fs";
import { type HostOptions, PASSWORD, prepareSite, type Scope, startOn } from "../test/harness/host.ts";
import { addAccounts } from "../test/harness/many-accounts.ts";
import { DOMAIN, MAILBOXES, type Pop3Peer, type SmtpPeer } from "./peer.ts";

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
  async start(scope, mbox) {
    const prepared = await site(scope, ["big"]);
    const place = prepared.path("var/spool/mail/big");
    prepared.write("var/spool/mail/.keep", "");
    rmSync(prepared.path("var/spool/mail/.keep"));
    renameSync(mbox, place);
    scope.after(() => renameSync(place, mbox));
    const host = await startOn(scope, prepared);
    return {
      port: host.pop3.port,
      user: "big",
      password: PASSWORD,
      mbox: place,
      processes: () => [host.pid("pop3")],
    };
  },
};
