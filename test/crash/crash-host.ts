/**
 * A whole host for the crash harness: mailboxes that clients empty and such that they do not, another host that takes mail, one that
 * says no, and one that puts it off. Run by root it gives root up and has the helpers for keys and passwords.
 */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { issue } from "@mailhost/common/testing/issued-certificate";
import { cleanUpLater, type Scope } from "../harness/clean-ups.ts";
import { ARTICLE_FILES, type MailHost, prepareSite, startOn } from "../harness/host.ts";
import { addAccounts } from "../harness/many-accounts.ts";
import { reservedPort } from "../harness/reserved-port.ts";
import { type Sinks, startSinks } from "./sink-process.ts";

/** The host's own domain. */
export const DOMAIN = "linuxaid.com.cn";
/** Mailboxes that clients empty; the last one is of an account of the system. */
export const FETCHED = ["fetch0", "fetch1", "fetch2", "fetch3", "fetch4", "people"] as const;
/** Mailboxes that only grow. */
export const KEPT = ["kept0", "kept1", "kept2", "kept3"] as const;
/** Where reports go. */
export const SENDER = "reports";
export const MAILBOXES = [...FETCHED, ...KEPT, SENDER] as const;

/** A host under test and those around it. */
export interface CrashHost {
  readonly host: MailHost;
  /** `elsewhere.example` and `later.example`. */
  readonly sinks: Sinks;
}

/** SHA-512 crypt of the harness's password. */
const CRYPTED =
  "$6$crashcrash$iFN72JTdFomO4XwFAvOiCCNk69U4geLH19RwZ8jMuanCAPN1tMLOqfhjjfKhz7By8U2AGyxp4af5hW2y9SgAN1";

/** Lays out and starts one. */
export async function startCrashHost(t: Scope, address: string): Promise<CrashHost> {
  const sinks = await startSinks(address);
  cleanUpLater(t, () => sinks.close());
  const asRoot = process.getuid?.() === 0;
  const site = await prepareSite(t, {
    settings: {
      queue: { interval: "500ms" },
      // Of its own, also while the host is down: whoever else came upon it would be taken for the host.
      smtp: { listen: [`127.0.0.1:${await reservedPort()}`] },
      pop3: { listen: [`127.0.0.1:${await reservedPort()}`] },
      accounts: ["file", "system"],
      system: { passwords: asRoot ? "shadow" : "none" },
      relay: { maxConnectionsPerDestination: 4 },
      ...(asRoot
        ? {
            run: { user: "mail", group: "mail" },
            tls: { cert: "private/cert.pem", key: "private/key.pem", selfSigned: false },
          }
        : {}),
    },
    files: {
      "etc/passwd": `${ARTICLE_FILES["etc/passwd"]}people:x:12345:12345::/nonexistent:/bin/sh\n`,
      "etc/shadow": `people:${CRYPTED}:19000:0:99999:7:::\n`,
      "etc/mail/mailertable": [
        `elsewhere.example\tesmtp:[${address}]:${sinks.port}`,
        `later.example\tesmtp:[${address}]:${sinks.laterPort}`,
      ].join("\n"),
      "etc/mail/virtusertable": "",
    },
  });
  if (asRoot) {
    chmodSync(site.root, 0o755);
    mkdirSync(site.path("private"), { mode: 0o700 });
    const pair = await issue("mail.linuxaid.com.cn");
    writeFileSync(site.path("private/cert.pem"), pair.own + pair.issuer, { mode: 0o600 });
    writeFileSync(site.path("private/key.pem"), pair.key, { mode: 0o600 });
    chownSync(site.path("private"), 0, 0);
  }
  const names = MAILBOXES.filter((name) => name !== "people" || !asRoot);
  await addAccounts(site, names);
  const host = await startOn(t, site);
  return { host, sinks };
}
