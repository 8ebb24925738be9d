/**
 * A small DNS server on a loopback port, over UDP and TCP, that answers from a table. Tests give its address to
 * `dns.servers` and change the table while it runs.
 *
 * A name that is not in the table does not exist (NXDOMAIN); a name that is, but not with the type asked for, has no
 * data. Only exact names are known: there are no wildcards.
 */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import packet from "dns-packet";

/** The records of one name. */
export interface ZoneRecords {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  /** Pairs of preference and exchange; the exchange "." is the null MX. */
  readonly mx?: readonly (readonly [preference: number, exchange: string])[];
  readonly ptr?: readonly string[];
  readonly txt?: readonly string[];
  /** The name is an alias of another one; that one is looked up in the same table. */
  readonly cname?: string;
}

/** What a name answers: records, or a failure. `silence` never answers at all. */
export type ZoneEntry = ZoneRecords | "NXDOMAIN" | "NODATA" | "SERVFAIL" | "REFUSED" | "silence";

/** A question that came in. */
export interface DnsQuery {
  /** Lower case, no trailing dot. */
  readonly name: string;
  /** `A`, `AAAA`, `MX`, `PTR`, `TXT` … */
  readonly type: string;
  readonly transport: "udp" | "tcp";
}

/** A running server. */
export interface DnsServer {
  /** `127.0.0.1:PORT`, as `dns.servers` takes it. */
  readonly address: string;
  readonly port: number;
  /** Every question so far. */
  readonly queries: DnsQuery[];
  /** Changes what a name answers. */
  set(name: string, entry: ZoneEntry): void;
  close(): Promise<void>;
}

/** Response codes of RFC 1035 section 4.1.1; dns-packet carries them in the low bits of the flags. */
const RCODE = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;
/** Longest UDP answer without EDNS (RFC 1035 section 2.3.4). */
const UDP_LIMIT = 512;
const TTL = 5;

/**
 * Starts a server.
 *
 * @param zone names, any case, with or without a trailing dot; a reverse name may be given as its bare address
 * @param fixedPort the port on 127.0.0.1, where it has to be a certain one; else any free one
 */
export async function startDnsServer(
  zone: Readonly<Record<string, ZoneEntry>>,
  fixedPort?: number,
): Promise<DnsServer> {
  const table = new Map<string, ZoneEntry>();
  const queries: DnsQuery[] = [];
  const set = (name: string, entry: ZoneEntry) => void table.set(tableKey(name), entry);
  for (const [name, entry] of Object.entries(zone)) set(name, entry);

  const respond = (query: Buffer, transport: DnsQuery["transport"]): Buffer | undefined => {
    const decoded = packet.decode(query);
    const question = decoded.questions?.[0];
    if (question === undefined) return undefined;
    queries.push({ name: tableKey(question.name), type: question.type, transport });
    const answer = answerOf(table, tableKey(question.name), question.type);
    if (answer === undefined) return undefined;
    const response = {
      type: "response" as const,
      id: decoded.id ?? 0,
      flags:
        packet.AUTHORITATIVE_ANSWER | packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | answer.rcode,
      questions: [question],
      answers: answer.records,
    };
    const bytes = packet.encode(response);
    if (transport === "tcp" || bytes.length <= UDP_LIMIT) return bytes;
    return packet.encode({ ...response, flags: response.flags | packet.TRUNCATED_RESPONSE, answers: [] });
  };

  const { udp, tcp, port } = await bindBoth(fixedPort);
  const connections = new Set<Socket>();
  udp.on("message", (query, from) => {
    const response = respond(query, "udp");
    if (response !== undefined) udp.send(response, from.port, from.address);
  });
  tcp.on("connection", (socket) => {
    connections.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => connections.delete(socket));
    answerStream(socket, (query) => respond(query, "tcp"));
  });
  return {
    address: `127.0.0.1:${port}`,
    port,
    queries,
    set,
    async close() {
      for (const socket of connections) socket.destroy();
      await Promise.all([
        new Promise<void>((done) => udp.close(() => done())),
        new Promise<void>((done) => tcp.close(() => done())),
      ]);
    },
  };
}

/** The name in the form that the table is keyed by; an address becomes its reverse name. */
function tableKey(name: string): string {
  const bare = name.toLowerCase().replace(/\.$/, "");
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(bare)) return `${bare.split(".").reverse().join(".")}.in-addr.arpa`;
  return bare;
}

/** Code and records for a question; undefined: say nothing. */
function answerOf(
  table: ReadonlyMap<string, ZoneEntry>,
  asked: string,
  type: string,
): { rcode: number; records: packet.Answer[] } | undefined {
  const records: packet.Answer[] = [];
  let name = asked;
  for (let hops = 0; hops < 8; hops++) {
    const entry = table.get(name) ?? "NXDOMAIN";
    if (entry === "silence") return undefined;
    if (entry === "NODATA") return { rcode: RCODE.NOERROR, records };
    if (typeof entry === "string") return { rcode: RCODE[entry], records };
    if (entry.cname === undefined)
      return { rcode: RCODE.NOERROR, records: [...records, ...recordsOf(name, type, entry)] };
    records.push({ type: "CNAME", name, ttl: TTL, data: entry.cname });
    name = tableKey(entry.cname);
  }
  return { rcode: RCODE.SERVFAIL, records: [] };
}

function recordsOf(name: string, type: string, entry: ZoneRecords): packet.Answer[] {
  const each = <T>(list: readonly T[] | undefined, answer: (data: T) => packet.Answer) =>
    (list ?? []).map(answer);
  switch (type) {
    case "A":
      return each(entry.a, (data) => ({ type: "A", name, ttl: TTL, data }));
    case "AAAA":
      return each(entry.aaaa, (data) => ({ type: "AAAA", name, ttl: TTL, data }));
    case "MX":
      return each(entry.mx, ([preference, exchange]) => ({
        type: "MX",
        name,
        ttl: TTL,
        data: { preference, exchange },
      }));
    case "PTR":
      return each(entry.ptr, (data) => ({ type: "PTR", name, ttl: TTL, data }));
    case "TXT":
      return each(entry.txt, (data) => ({ type: "TXT", name, ttl: TTL, data: [data] }));
    default:
      return [];
  }
}

/** Takes the same free port for both transports; another program may hold one of the two, so it tries a few. */
async function bindBoth(fixedPort = 0): Promise<{ udp: DatagramSocket; tcp: Server; port: number }> {
  for (let left = 20; ; left--) {
    const tcp = createServer();
    tcp.listen(fixedPort, "127.0.0.1");
    await once(tcp, "listening");
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket("udp4");
    try {
      udp.bind(port, "127.0.0.1");
      await once(udp, "listening");
      return { udp, tcp, port };
    } catch (error) {
      udp.close();
      tcp.close();
      if (left === 0) throw error;
    }
  }
}

/** Cuts a TCP stream into messages, each after its two octets of length (RFC 1035 section 4.2.2). */
function answerStream(socket: Socket, respond: (query: Buffer) => Buffer | undefined): void {
  let pending = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0);
      const response = respond(pending.subarray(2, end));
      pending = pending.subarray(end);
      if (response === undefined) continue;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(response.length);
      socket.write(Buffer.concat([length, response]));
    }
  });
}
