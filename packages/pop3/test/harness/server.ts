/**
 * A POP3 server in this process over a temporary site: real sockets, real mbox files, accounts and tables made up.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { SecureContext } from "node:tls";
import type { Accounts } from "@mailhost/common/accounts/accounts";
import { formatPopauth } from "@mailhost/common/accounts/popauth-format";
import { openPopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import { type Clock, systemClock } from "@mailhost/common/clock";
import type { DracTable } from "@mailhost/common/drac/drac-table";
import type { Log } from "@mailhost/common/log/log";
import { openAdmission } from "@mailhost/common/login/admission";
import { openLoginGuard } from "@mailhost/common/login/open-login-guard";
import { parseSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, siteAt } from "@mailhost/common/site";
import { Listener, type PortKind } from "../../src/listener.ts";
import { BackgroundMoves } from "../../src/maildrop/background-moves.ts";
import { type IndexStore, openIndexStore } from "../../src/maildrop/index-store.ts";
import type { Services } from "../../src/services.ts";
import { openMailCommand } from "../../src/transmit/mail-command.ts";

export const PASSWORD = "let me in";

/** What a test may set. */
export interface ServerOptions {
  /** Text of mailhost.yaml beside the hostname. */
  readonly settings?: string | ((site: Site) => string);
  readonly clock?: Clock;
  readonly users?: readonly string[];
  /** Entries of the access table, keys in lower case. */
  readonly access?: Readonly<Record<string, string>>;
  /** Entries of relay-domains. */
  readonly relayDomains?: readonly string[];
  readonly kind?: PortKind;
  readonly tls?: SecureContext;
  /** Entries of etc/mail/popauth.db, which is there then. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Addresses of container gateways. */
  readonly gateways?: readonly string[];
  /** Who fails too often is banned, as no loopback address is elsewhere. */
  readonly mayBan?: boolean;
  /** In place of the users with {@link PASSWORD}. */
  readonly accounts?: Accounts;
}

/** The server and its surroundings. */
export interface TestServer {
  readonly site: Site;
  readonly port: number;
  readonly listener: Listener;
  readonly store: IndexStore;
  /** Log lines so far. */
  readonly logged: string[];
  /** Addresses that DRAC was told of, `IP USER`. */
  readonly recorded: string[];
  readonly mbox: (name: string) => string;
}

/** A folder that goes with the test, laid out as a site. */
export function temporarySite(t: TestContext): Site {
  const root = mkdtempSync(join(tmpdir(), "mailhost-pop3-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.spoolDir, { recursive: true });
  mkdirSync(site.stateDir, { recursive: true });
  return site;
}

/** A log that keeps its lines. */
export function memoryLog(lines: string[]): Log {
  return {
    write: (level, text) => void lines.push(`${level} ${text}`),
    close: () => Promise.resolve(),
  };
}

/** Starts a server; it stops with the test. */
export async function startServer(t: TestContext, options: ServerOptions = {}): Promise<TestServer> {
  const site = temporarySite(t);
  const logged: string[] = [];
  const recorded: string[] = [];
  const log = memoryLog(logged);
  const clock = options.clock ?? systemClock;
  const text = typeof options.settings === "function" ? options.settings(site) : (options.settings ?? "");
  const settings: Settings = parseSettings(`hostname: mail.test\n${text}`, "mailhost.yaml");
  const store = openIndexStore(site, { log, clock });
  const moves = new BackgroundMoves({ clock, log });
  const access = new Map(Object.entries(options.access ?? {}));
  const relay = new Map((options.relayDomains ?? []).map((key) => [key, "RELAY"]));
  const accounts = options.accounts ?? testAccounts(options.users ?? ["wang"]);
  if (options.secrets !== undefined) {
    mkdirSync(site.etcMail, { recursive: true });
    const secrets = new Map(Object.entries(options.secrets).map(([name, s]) => [name, Buffer.from(s)]));
    writeFileSync(site.popauthFile, formatPopauth(secrets), { mode: 0o600 });
  }
  const exempt = (ip: string) => (options.mayBan === true ? undefined : ip);
  const guard = openLoginGuard(site, { settings: () => settings, exemption: exempt, clock, log });
  const services: Services = {
    site,
    settings: () => settings,
    accounts: () => accounts,
    popauth: openPopauthSecrets(site, { onFault: (fault) => log.write("error", fault.message) }),
    admission: openAdmission({ site, settings: () => settings, log }),
    gateways: new Set(options.gateways),
    drac: () => testDrac(recorded),
    hasTls: () => options.tls !== undefined,
    tables: {
      access: { file: "access", get: (key) => access.get(key), entries: () => access },
      relayDomains: { file: "relay", get: (key) => relay.get(key), entries: () => relay },
      localHostNames: { file: "names", has: (domain) => domain === "linuxaid.com.cn", entries: () => [] },
    },
    store,
    moves,
    mailCommand: openMailCommand(site, clock),
    guard,
    log,
    clock,
  };
  const listener = new Listener(services, {
    any: () => options.tls !== undefined,
    contextFor: () => options.tls,
  });
  const server = await listener.listen(options.kind ?? "pop3", { host: "127.0.0.1", port: 0 });
  t.after(async () => {
    listener.cut();
    await listener.stop(30_000);
    await moves.stop();
    await store.close();
  });
  const { port } = server.address() as AddressInfo;
  return { site, port, listener, store, logged, recorded, mbox: (name) => join(site.spoolDir, name) };
}

function testAccounts(users: readonly string[]): Accounts {
  const find: Accounts["find"] = (name) =>
    users.includes(name.toLowerCase()) ? { name: name.toLowerCase(), source: "file" } : undefined;
  return {
    find,
    lookUp: (name) => Promise.resolve(find(name)),
    verify: (name, password) => Promise.resolve(password === PASSWORD ? find(name) : undefined),
    hasDomain: () => false,
    names: () => [...users],
  };
}

function testDrac(recorded: string[]): DracTable {
  return {
    record: (ip, user) => {
      recorded.push(`${ip} ${user}`);
      return Promise.resolve();
    },
    permits: () => undefined,
    list: () => [],
    remove: () => Promise.resolve(false),
    close: () => Promise.resolve(),
  };
}

/** Writes an mbox of messages given as header and body, LF line ends. */
export function writeMbox(path: string, messages: readonly string[]): void {
  writeFileSync(path, messages.map((message, i) => mboxText(message, i)).join(""));
}

/** A message as it stands in an mbox, its `From ` line a different one for each `second`. */
export function mboxText(message: string, second = 0): string {
  const at = new Date(Date.UTC(2026, 10, 24, 21, 0, second));
  const time = at.toISOString().slice(11, 19);
  return `From a@example.net Tue Nov 24 ${time} 2026\n${message}\n`;
}
