/**
 * The company of the soak run: its accounts, aliases, lists and tables, and the edits that its postmaster makes while mail flows.
 */
import { readFileSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type MailHost, PASSWORD, prepareSite, type Scope, startOn } from "../harness/host.ts";
import { addAccounts } from "../harness/many-accounts.ts";
import { runProgram } from "../harness/programs.ts";

export const DOMAIN = "linuxaid.com.cn";
export const USERS: readonly string[] = Array.from(
  { length: 24 },
  (_, i) => `u${String(i).padStart(2, "0")}`,
);
/** Those of them who log in by APOP. */
export const APOP_USERS: readonly string[] = USERS.slice(20);
/** Their secret; all others have the harness's password. */
export const SECRET = "for digests only";
/** Names that lead to others, and to whom. */
export const ALIASES: Readonly<Record<string, readonly string[]>> = {
  sales: ["u04"],
  info: ["u04"],
  team: ["u01", "u02", "u03"],
};
/** The address of the other company. */
export const PARTNER = "127.0.0.91";

const ALIAS_TEXT = `MAILER-DAEMON: postmaster
postmaster: u00
root: u00
sales: u04
info: sales
team: u01, u02, u03
owner-team: u01
`;
/** The warnings that such a host gives: it has made its certificate, and a table's text is saved before its compiled form is made. */
const EXPECTED = /tls: there was no certificate: made a self-signed one|\.db, which rules; make that anew/;
const ACCESS_TEXT = "127.0.0.1 RELAY\n127.0.0.2 RELAY\n";

/** Starts the company's host. */
export async function startCompany(scope: Scope, relayPort: number): Promise<MailHost> {
  const site = await prepareSite(scope, {
    settings: {
      smtp: { smtps: ["127.0.0.1:0"] },
      pop3: { pop3s: ["127.0.0.1:0"] },
      relay: { port: relayPort },
      tls: { selfSigned: true },
      log: { format: "json" },
    },
    files: { "etc/mail/aliases": ALIAS_TEXT, "etc/mail/access": ACCESS_TEXT },
    zone: { "partner.example": { mx: [[10, "mx.partner.example"]] }, "mx.partner.example": { a: [PARTNER] } },
  });
  await addAccounts(site, USERS);
  const popauth = fileURLToPath(new URL("../../packages/pop3/bin/popauth.js", import.meta.url));
  for (const [args, input] of [
    [["-init"], ""],
    ...APOP_USERS.map((user) => [["-user", user], `${SECRET}\n`] as const),
  ] as const) {
    const ran = await runProgram(process.execPath, [popauth, ...args, "--root", site.root], { input });
    if (ran.code !== 0) throw new Error(`popauth ${args.join(" ")}: ${ran.stderr}`);
  }
  return startOn(scope, site);
}

/** What a postmaster does now and then, one after the other; each is to leave no trace in the mail. */
export class Postmaster {
  readonly #host: MailHost;
  readonly #faults: string[];
  #count = 0;

  /** @param faults is told what went wrong */
  constructor(host: MailHost, faults: string[]) {
    this.#host = host;
    this.#faults = faults;
  }

  /** The next thing. */
  async work(): Promise<void> {
    const host = this.#host;
    const n = this.#count++;
    switch (n % 4) {
      case 0: {
        host.write("etc/mail/aliases", `${ALIAS_TEXT}temporary${n}: u05\n`);
        return this.#must(`newaliases`, await host.command("newaliases", []));
      }
      case 1: {
        const text = `${ACCESS_TEXT}spam${n}.example REJECT\n`;
        host.write("etc/mail/access", text);
        const ran = await host.command("makemap", ["hash", host.path("etc/mail/access.db")], text);
        return this.#must("makemap", ran);
      }
      case 2:
        host.signal("mailhost", "SIGHUP");
        return undefined;
      default:
        return this.rotate();
    }
  }

  /** Moves the log away and has a new one opened; the old one is gone through for errors. */
  async rotate(): Promise<void> {
    const [log, old] = [this.#host.path("var/log/mail.log"), this.#host.path("var/log/mail.log.1")];
    renameSync(log, old);
    this.#host.signal("mailhost", "SIGHUP");
    // The processes go on writing to the old file until they have opened the new one.
    await this.#host.logged(/./);
    await new Promise((resume) => setTimeout(resume, 3_000));
    this.readLog(old);
    rmSync(old);
  }

  /** Goes through a log file: errors and warnings are faults. */
  readLog(path: string): void {
    for (const line of readFileSync(path, "utf8").split("\n")) {
      if (line === "") continue;
      const level = /"level":"(\w+)"/.exec(line)?.[1];
      if ((level === "error" || level === "warn") && !EXPECTED.test(line))
        this.#faults.push(`log: ${line.slice(0, 300)}`);
    }
  }

  #must(what: string, ran: { readonly code: number; readonly stderr: string }): void {
    if (ran.code !== 0) this.#faults.push(`${what}: exit code ${ran.code}: ${ran.stderr.slice(0, 300)}`);
  }
}

export { PASSWORD };
