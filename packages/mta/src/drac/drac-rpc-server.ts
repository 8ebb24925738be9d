/**
 * Answers DRAC's remote procedure calls on UDP and TCP (drac.rpcListen), for POP3 and IMAP servers other than ours.
 *
 * Nothing that comes in ends it or fills it: what is no call is dropped, a stream that is none is closed, so is one that says nothing
 * for half a minute, and there are no more than {@link MOST_STREAMS}.
 */
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { createServer, isIPv6, type Server, type Socket } from "node:net";
import { messageOf } from "@mailhost/common/errors";
import { normalizeIp } from "@mailhost/common/ip-address";
import { answerDrac, type DracProgramParts } from "./drac-program.ts";
import type { Mapping } from "./portmapper.ts";
import { marked, RecordReader } from "./record-marking.ts";

/** Streams at once. */
export const MOST_STREAMS = 64;
const IDLE = 30_000;
/** Calls under way at once; more are dropped, and come again. */
const MOST_CALLS = 256;

/** A server that answers. */
export interface DracRpcServer {
  /** Where, for the port mapper. */
  readonly mappings: readonly Pick<Mapping, "protocol" | "port">[];
  stop(): Promise<void>;
}

/** Bound sockets that were inherited. */
export interface DracDescriptors {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
  readonly udp6: readonly number[];
}

/** Starts to answer on inherited descriptors. */
export async function startDracRpc(
  descriptors: DracDescriptors,
  parts: DracProgramParts,
): Promise<DracRpcServer> {
  const streams = new Set<Socket>();
  let calls = 0;
  const answer = async (message: Buffer, caller: string): Promise<Buffer | undefined> => {
    if (calls >= MOST_CALLS) return undefined;
    calls++;
    try {
      return await answerDrac(message, normalizeIp(caller) ?? caller, parts);
    } catch (error) {
      parts.log.write("error", `[drac]: a call from ${caller}: ${messageOf(error)}`);
      return undefined;
    } finally {
      calls--;
    }
  };
  const tcp = await Promise.all(descriptors.tcp.map((fd) => listenTcp(fd, streams, answer, parts)));
  const udp = await Promise.all([
    ...descriptors.udp.map((fd) => listenUdp(fd, "udp4", answer, parts)),
    ...descriptors.udp6.map((fd) => listenUdp(fd, "udp6", answer, parts)),
  ]);
  return {
    mappings: [
      ...tcp.flatMap((server) => mappingOf("tcp", server.address())),
      ...udp.flatMap((socket) => mappingOf("udp", socket.address())),
    ],
    async stop() {
      for (const socket of streams) socket.destroy();
      await Promise.all([
        ...tcp.map((server) => new Promise<void>((done) => server.close(() => done()))),
        ...udp.map((socket) => new Promise<void>((done) => socket.close(() => done()))),
      ]);
    },
  };
}

type Answer = (message: Buffer, caller: string) => Promise<Buffer | undefined>;

async function listenTcp(
  fd: number,
  streams: Set<Socket>,
  answer: Answer,
  { log }: DracProgramParts,
): Promise<Server> {
  const server = createServer((socket) => serve(socket, streams, answer));
  server.maxConnections = MOST_STREAMS;
  await new Promise<void>((done, fail) => {
    server.once("error", fail).listen({ fd }, () => {
      server.off("error", fail);
      done();
    });
  });
  server.on("error", (error) => log.write("error", `[drac]: accepting: ${messageOf(error)}`));
  return server;
}

function serve(socket: Socket, streams: Set<Socket>, answer: Answer): void {
  const reader = new RecordReader();
  const caller = socket.remoteAddress ?? "";
  streams.add(socket);
  socket.setTimeout(IDLE, () => socket.destroy());
  // A caller that went away has its reasons.
  socket.on("error", () => socket.destroy());
  socket.on("close", () => streams.delete(socket));
  socket.on("data", (octets) => {
    const records = reader.take(octets);
    if (records === undefined) {
      socket.destroy();
      return;
    }
    if (records.length === 0) return;
    // One batch at a time: who sends faster than we answer, or does not read the answers, waits.
    socket.pause();
    void answerAll(socket, records, caller, answer).finally(() => {
      if (socket.writableNeedDrain) socket.once("drain", () => socket.resume());
      else socket.resume();
    });
  });
}

async function answerAll(
  socket: Socket,
  records: readonly Buffer[],
  caller: string,
  answer: Answer,
): Promise<void> {
  for (const record of records) {
    const reply = await answer(record, caller);
    if (reply !== undefined && socket.writable) socket.write(marked(reply));
  }
}

async function listenUdp(
  fd: number,
  type: "udp4" | "udp6",
  answer: Answer,
  { log }: DracProgramParts,
): Promise<Datagrams> {
  const socket = createSocket(type);
  await new Promise<void>((done, fail) => {
    socket.once("error", fail).bind({ fd }, () => {
      socket.off("error", fail);
      done();
    });
  });
  socket.on("error", (error) => log.write("error", `[drac]: ${messageOf(error)}`));
  let open = true;
  socket.on("close", () => {
    open = false;
  });
  socket.on("message", (message, from) => {
    // Port 0 is that of a sender who wants no answer (RFC 768), and Node throws where one is sent there.
    if (from.port === 0) return;
    void answer(message, from.address).then((reply) => {
      if (reply !== undefined && open) socket.send(reply, from.port, from.address, () => undefined);
    });
  });
  return socket;
}

/** The port mapper of RFC 1833 section 3 knows IPv4 alone. */
function mappingOf(
  protocol: "tcp" | "udp",
  address: ReturnType<Server["address"]>,
): readonly Pick<Mapping, "protocol" | "port">[] {
  if (address === null || typeof address === "string" || isIPv6(address.address)) return [];
  return [{ protocol, port: address.port }];
}
