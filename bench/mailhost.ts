/**
 * mailhost as the bench runs it: default settings, on loopback ports, below a temporary root.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type HostOptions, PASSWORD, prepareSite, type Site, startOn } from "../test/harness/host.ts";
import { addAccounts } from "../test/harness/many-accounts.ts";
import { DOMAIN, MAILBOXES, type Pop3Peer, type SmtpPeer } from "./peer.ts";
import { letItBeOld } from "./pop3-mailboxes.ts";
import { processGroup } from "./process-group.ts";

const OPTIONS: HostOptions = {
  settings: { queue: { interval: "20m" } },
  files: { "etc/mail/local-host-names": `${DOMAIN}\n` },
  zone: { "client.test": { a: ["127.0.0.1"] } },
};

/** Of the first user; nobody on a machine has these. */
const FIRST_UID = 61_200;

/** The commit of a checkout, with a plus when files were changed since. */
function commitOf(folder: string): string {
  const { stdout } = spawnSync("git", ["describe", "--always", "--dirty=+"], {
    cwd: folder,
    encoding: "utf8",
  });
  return stdout?.trim() || "unknown";
}

/** What starts a host: this checkout's test harness, or another's, which starts what is built there. */
interface Harness {
  readonly prepareSite: typeof prepareSite;
  readonly startOn: typeof startOn;
  readonly addAccounts: typeof addAccounts;
}

const OURS: Harness = { prepareSite, startOn, addAccounts };

/** Its SMTP side. */
export const mailhostSmtp = smtpPeer("mailhost", commitOf(import.meta.dirname), () => Promise.resolve(OURS));

/** The SMTP side of another checkout, built with `node test/setup.mjs`, such as one of an earlier commit. */
export function earlierMailhost(folder: string): SmtpPeer {
  const path = (name: string) => pathToFileURL(join(resolve(folder), "test/harness", name)).href;
  return smtpPeer("before", commitOf(folder), async () => {
    const host = (await import(path("host.ts"))) as Pick<Harness, "prepareSite" | "startOn">;
    const accounts = (await import(path("many-accounts.ts"))) as Pick<Harness, "addAccounts">;
    return { ...host, ...accounts };
  });
}

function smtpPeer(name: string, version: string, load: () => Promise<Harness>): SmtpPeer {
  return {
    name,
    version,
    relays: true,
    async start(scope, prefix = [], sink = 9) {
      const harness = await load();
      const relay = { smartHost: "[127.0.0.1]", port: sink };
      const settings = { ...OPTIONS.settings, relay };
      const prepared = await harness.prepareSite(scope, { ...OPTIONS, settings });
      await harness.addAccounts(prepared, MAILBOXES);
      addHomes(prepared, MAILBOXES);
      const host = await harness.startOn(scope, prepared, prefix);
      return { port: host.smtp.port, mailboxes: host.path("var/spool/mail") };
    },
  };
}

/** Makes accounts those of Unix users with homes, as the peers' are: a `.forward` may be there. */
function addHomes(site: Site, users: readonly string[]): void {
  const passwd = users.map((user, i) => {
    const home = site.path(`home/${user}`);
    mkdirSync(home, { recursive: true });
    chownSync(home, FIRST_UID + i, FIRST_UID + i);
    return `${user}:x:${FIRST_UID + i}:${FIRST_UID + i}::${home}:/usr/sbin/nologin\n`;
  });
  site.write("etc/passwd", site.read("etc/passwd") + passwd.join(""));
}

/** Its POP3 side. */
export const mailhostPop3: Pop3Peer = {
  name: "mailhost",
  version: commitOf(import.meta.dirname),
  async start(scope, users) {
    const prepared = await prepareSite(scope, {
      ...OPTIONS,
      settings: { ...OPTIONS.settings, pop3: { maxConnections: 5000, maxConnectionsPerClient: 5000 } },
    });
    await addAccounts(prepared, users);
    const group = processGroup(scope, "mailhost");
    const host = await startOn(scope, prepared, group.prefix);
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
      group,
    };
  },
};
