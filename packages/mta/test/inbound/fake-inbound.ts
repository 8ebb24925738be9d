/**
 * An SMTP listener on a free port over tables, accounts and a queue in memory, and a client that speaks to it.
 */
import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { createSecureContext } from "node:tls";
import type { PopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import type { Clock } from "@mailhost/common/clock";
import { systemClock } from "@mailhost/common/clock";
import type { DracEntry } from "@mailhost/common/drac/drac-table";
import type { Log } from "@mailhost/common/log/log";
import type { LoginGuard } from "@mailhost/common/login/login-guard";
import { parseSettings } from "@mailhost/common/settings/load";
import type { AliasTarget } from "@mailhost/common/tables/aliases";
import type { Resolver } from "../../src/dns/resolver.ts";
import { openClientNames } from "../../src/inbound/client-names.ts";
import { openConnectionLimits } from "../../src/inbound/connection-limits.ts";
import type { InboundParts } from "../../src/inbound/inbound-parts.ts";
import { openMachineLoad } from "../../src/inbound/machine-load.ts";
import { type PortKind, SmtpListener } from "../../src/inbound/smtp-listener.ts";
import type { NewMessage, QueueEntry } from "../../src/queue/queue-entry.ts";
import type { MessageWriter } from "../../src/queue/queue-store.ts";
import type { QueueSelection } from "../../src/queue/selection.ts";
import { fakeTable } from "../policy/fake-policy.ts";

/** What a test says of its host. */
export interface InboundHost {
  readonly kind?: PortKind;
  /** Lines of mailhost.yaml. */
  readonly settings?: string;
  readonly access?: Readonly<Record<string, string>>;
  readonly virtusertable?: Readonly<Record<string, string>>;
  readonly mailertable?: Readonly<Record<string, string>>;
  readonly relayDomains?: readonly string[];
  readonly aliases?: Readonly<Record<string, readonly AliasTarget[]>>;
  readonly accounts?: readonly string[];
  /** Passwords of accounts; with them or {@link secrets} AUTH is there. */
  readonly passwords?: Readonly<Record<string, string>>;
  /** User ids of those of them that are the system's. */
  readonly uids?: Readonly<Record<string, number>>;
  /** Secrets of CRAM-MD5. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly guard?: LoginGuard;
  readonly senders?: Readonly<Record<string, string>>;
  readonly drac?: readonly string[];
  readonly gateways?: readonly string[];
  readonly resolver?: Partial<Resolver>;
  readonly clock?: Clock;
  /** Certificate and key, PEM. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** What the machine says of itself; absent: idle, with room. */
  readonly machine?: { load: number; free: number };
  /** Makes the n-th write, or the commit, fail. */
  readonly fault?: { readonly on: "write" | "commit"; readonly code: string };
}

/** A message that was committed. */
export interface StoredMessage {
  readonly entry: QueueEntry;
  readonly text: string;
}

/** The running listener and what it did. */
export interface InboundFixture {
  readonly listener: SmtpListener;
  readonly port: number;
  readonly stored: StoredMessage[];
  readonly submitted: QueueEntry[];
  readonly log: string[];
  readonly recorded: string[];
  /** Runs of the queue that ETRN asked for. */
  readonly runs: QueueSelection[];
  /** Writers that were opened and neither committed nor aborted. */
  open(): number;
  /** Octets of the longest piece written. */
  longestPiece(): number;
  client(localAddress?: string): Promise<SmtpClient>;
  stop(): Promise<void>;
}

/** Starts it. */
export async function startInbound(host: InboundHost = {}): Promise<InboundFixture> {
  const settings = parseSettings(`hostname: mail.linuxaid.com.cn\n${host.settings ?? ""}`, "mailhost.yaml");
  const clock = host.clock ?? systemClock;
  const log: string[] = [];
  const stored: StoredMessage[] = [];
  const submitted: QueueEntry[] = [];
  const recorded: string[] = [];
  const runs: QueueSelection[] = [];
  const state = { open: 0, longest: 0, ids: 0 };
  const logger: Log = { write: (_level, line) => void log.push(line), close: () => Promise.resolve() };
  const names = new Set(["linuxaid.com.cn"]);
  const accounts = new Set(host.accounts ?? ["joe", "root"]);
  const aliases = host.aliases ?? {};
  const noDomains = { file: "", has: () => false, entries: () => [] };
  const inbound: InboundParts = {
    settings: () => settings,
    tables: {
      access: fakeTable("access", host.access ?? {}),
      relayDomains: fakeTable(
        "relay-domains",
        Object.fromEntries((host.relayDomains ?? []).map((k) => [k, "RELAY"])),
      ),
      aliases: {
        file: "aliases",
        get: (name) => (Object.hasOwn(aliases, name) ? aliases[name] : undefined),
        entries: () => Object.entries(aliases),
      },
      localHostNames: { file: "local-host-names", has: (d) => names.has(d), entries: () => names.values() },
      virtusertable: fakeTable("virtusertable", host.virtusertable ?? {}),
      virtualDomains: noDomains,
      mailertable: fakeTable("mailertable", host.mailertable ?? {}),
      domaintable: fakeTable("domaintable", {}),
      genericstable: fakeTable("genericstable", {}),
      genericsDomains: noDomains,
      quotas: { ...fakeTable("quotas", {}), faults: () => [] },
      senders: fakeTable("senders", host.senders ?? {}),
      trustedUsers: noDomains,
      authinfo: fakeTable("authinfo", {}),
      check: () => [],
      warnings: () => [],
      close: () => Promise.resolve(),
    },
    accounts: () => ({
      find: (name) =>
        accounts.has(name.toLowerCase()) ? { name: name.toLowerCase(), source: "file" } : undefined,
      lookUp: (name) =>
        Promise.resolve(
          accounts.has(name.toLowerCase()) ? { name: name.toLowerCase(), source: "file" } : undefined,
        ),
      verify: (name, password) => {
        const right = host.passwords?.[name] === password;
        const uid = host.uids?.[name];
        const account = uid === undefined ? { source: "file" as const } : { source: "system" as const, uid };
        return Promise.resolve(right ? { name, ...account } : undefined);
      },
      names: () => [...accounts],
      hasDomain: () => false,
    }),
    ...(host.passwords === undefined && host.secrets === undefined ? {} : { popauth: secretsOf(host) }),
    ...(host.guard === undefined ? {} : { guard: host.guard }),
    drac: () => ({
      record: (ip, user) => Promise.resolve(void recorded.push(`${ip} ${user}`)),
      permits: (ip): DracEntry | undefined =>
        host.drac?.includes(ip) ? { ip, user: "roamer", expiresAt: clock.now() + 1000 } : undefined,
      list: () => [],
      remove: () => Promise.resolve(false),
      close: () => Promise.resolve(),
    }),
    store: {
      newId: () => `Q${++state.ids}`,
      receive: (id: string) => {
        state.open += 1;
        return memoryWriter(id, host, state, stored, clock);
      },
      get: () => undefined,
      body: () => ({ size: 0, whole: () => undefined, stream: async function* () {} }),
      list: () => [],
      count: () => stored.length,
      due: () => [],
      nextDue: () => undefined,
      change: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    } as unknown as InboundParts["store"],
    submitted: (entry) => void submitted.push(entry),
    runQueue: (selection) => void runs.push(selection),
    etrnTimes: new Map(),
    load: openMachineLoad({
      machine: {
        loadAverage: () => host.machine?.load ?? 0,
        freeSpace: () => Promise.resolve(host.machine?.free ?? 2 ** 40),
      },
      settings: () => settings,
      queueFolder: "/queue",
      clock,
      log: logger,
    }),
    names: openClientNames(() => resolverOf(host), clock),
    resolver: () => resolverOf(host),
    limits: openConnectionLimits(
      () => ({
        total: settings.smtp.maxConnections,
        perClient: settings.smtp.maxConnectionsPerClient,
      }),
      () => clock.now(),
    ),
    ownAddresses: () => new Set(["192.0.2.25"]),
    gateways: new Set(host.gateways ?? []),
    log: logger,
    clock,
  };
  const context = host.tls === undefined ? undefined : createSecureContext(host.tls);
  const certificates = { any: () => context !== undefined, contextFor: () => context };
  const listener = new SmtpListener(host.kind ?? "smtp", inbound, certificates);
  await listener.open({ host: "127.0.0.1", port: 0 });
  const { port } = listener.server.address() as AddressInfo;
  return {
    listener,
    port,
    stored,
    submitted,
    log,
    recorded,
    runs,
    open: () => state.open,
    longestPiece: () => state.longest,
    client: (localAddress) => SmtpClient.connect(port, localAddress),
    stop: () => listener.stop(30_000),
  };
}

function secretsOf({ secrets }: InboundHost): PopauthSecrets {
  const count = Object.keys(secrets ?? {}).length;
  return {
    state: () => (secrets === undefined ? { kind: "absent" } : { kind: "ready", count }),
    find: (name) => (secrets?.[name] === undefined ? undefined : Buffer.from(secrets[name])),
    faults: () => [],
  };
}

function resolverOf(host: InboundHost): Resolver {
  const none = () => Promise.resolve([]);
  return { mx: none, a: none, aaaa: none, ptr: none, ...host.resolver };
}

function memoryWriter(
  id: string,
  host: InboundHost,
  state: { open: number; longest: number },
  stored: StoredMessage[],
  clock: Clock,
): MessageWriter {
  const pieces: Buffer[] = [];
  let over = false;
  const end = () => {
    if (!over) state.open -= 1;
    over = true;
  };
  const fail = (on: "write" | "commit") => {
    if (host.fault?.on === on) throw Object.assign(new Error(`fault on ${on}`), { code: host.fault.code });
  };
  return {
    id,
    holdsPieces: false,
    get size() {
      return pieces.reduce((sum, p) => sum + p.length, 0);
    },
    async write(chunk) {
      fail("write");
      state.longest = Math.max(state.longest, chunk.length);
      pieces.push(Buffer.from(chunk));
    },
    async commit(message: NewMessage) {
      fail("commit");
      end();
      const body = Buffer.concat(pieces);
      const entry: QueueEntry = {
        ...message,
        recipients: [...message.recipients],
        id,
        receivedAt: clock.now(),
        size: body.length,
        attempts: 0,
        lastAttemptAt: 0,
        nextAttemptAt: message.firstAttemptAt ?? 0,
        warnedAt: 0,
      };
      stored.push({ entry, text: body.toString("latin1") });
      return entry;
    },
    async abort() {
      end();
    },
  };
}

/** A client that sends what it is told and waits for whole replies. */
export class SmtpClient {
  readonly socket: Socket;
  #text = "";
  #waiting: (() => void) | undefined;
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (piece: string) => {
      this.#text += piece;
      this.#waiting?.();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
      this.#waiting?.();
    });
  }

  /** Connects and reads the greeting, which is in {@link greeting}. */
  static async connect(port: number, localAddress?: string): Promise<SmtpClient> {
    const socket = connect({
      host: "127.0.0.1",
      port,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    await once(socket, "connect");
    const client = new SmtpClient(socket);
    client.greeting = await client.reply();
    return client;
  }

  greeting = "";

  /** The next reply, all its lines without the last line end; `""` when the connection was closed. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match[0].length);
        return match[0].slice(0, -2);
      }
      if (this.closed) return "";
      await new Promise<void>((done) => {
        this.#waiting = done;
      });
    }
  }

  write(text: string): void {
    this.socket.write(Buffer.from(text, "latin1"));
  }

  /** Sends a line and reads its reply. */
  async say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  /** One whole message; returns the reply after the data. */
  async send(from: string, to: string, content: string): Promise<string> {
    for (const line of [`MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, "DATA"]) {
      const answer = await this.say(line);
      if (!/^[23]/.test(answer)) return answer;
    }
    this.write(`${content}.\r\n`);
    return this.reply();
  }

  end(): void {
    this.socket.destroy();
  }
}
