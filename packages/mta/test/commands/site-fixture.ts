/**
 * A site in a temporary folder, with the article's tables, two accounts and no daemon.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Site, siteAt } from "@mailhost/common/site";

/** A hash in the right form that no password fits. */
const HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE";

/** Files of etc/mail by name; what is left out is the article's. */
export function makeSite(files: Readonly<Record<string, string>> = {}): Site {
  const site = siteAt(mkdtempSync(join(tmpdir(), "mailhost-mta-")));
  for (const dir of [site.etcMail, site.queueDir, site.spoolDir, site.stateDir, site.runDir]) {
    mkdirSync(dir, { recursive: true });
  }
  const all: Readonly<Record<string, string>> = {
    "mailhost.yaml":
      'hostname: mail.linuxaid.com.cn\naccounts: [file]\ndns: {servers: ["127.0.0.1:9"], timeout: 50ms}\n',
    access: "127.0.0.1\tRELAY\n202.99.11\tRELAY\n",
    "local-host-names": "linuxaid.com.cn.\nmail.linuxaid.com.cn\n",
    aliases: "MAILER-DAEMON: postmaster\npostmaster: root\nstaff: joe, amy@far.example\n",
    users: `joe:${HASH}\nroot:${HASH}\n`,
    ...files,
  };
  for (const [name, text] of Object.entries(all))
    writeFileSync(join(site.etcMail, name), text, { mode: 0o600 });
  return site;
}

/** Takes the folder away. */
export function removeSite(site: Site): void {
  rmSync(site.root, { recursive: true, force: true });
}
