/**
 * The rest of the Internet, on loopback: a mail host that takes everything, and a name server that knows nobody.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** The outside, while the demonstration runs. */
export interface OutsideWorld {
  /** Port of the mail host, on 127.0.0.1. */
  readonly smtpPort: number;
  /** Port of the name server, on 127.0.0.1. */
  readonly dnsPort: number;
  /** Resolves with the next message that arrives, as its lines. */
  nextMessage(): Promise<string[]>;
  close(): Promise<void>;
}

/** Opens both servers. */
export async function openOutsideWorld(): Promise<OutsideWorld> {
  const arrived: string[][] = [];
  const waiting: ((lines: string[]) => void)[] = [];
  const smtp = createServer((socket) =>
    takeMail(socket, (lines) => {
      const taker = waiting.shift();
      if (taker === undefined) arrived.push(lines);
      else taker(lines);
    }),
  );
  const dns = createSocket("udp4");
  dns.on("message", (question, from) => dns.send(knowNobody(question), from.port, from.address));
  await Promise.all([listenTcp(smtp), listenUdp(dns)]);
  return {
    smtpPort: (smtp.address() as AddressInfo).port,
    dnsPort: dns.address().port,
    nextMessage() {
      const lines = arrived.shift();
      return lines === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(lines);
    },
    async close() {
      dns.close();
      await new Promise<void>((done) => smtp.close(() => done()));
    },
  };
}

/** Takes every message of one client. */
function takeMail(socket: Socket, received: (lines: string[]) => void): void {
  const reply = (text: string) => void socket.write(`${text}\r\n`);
  // A client that breaks off sends its message again.
  socket.on("error", () => socket.destroy());
  socket.unref();
  let data: string[] | undefined;
  createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
    if (data !== undefined) {
      if (line !== ".") return void data.push(line.startsWith(".") ? line.slice(1) : line);
      received(data);
      data = undefined;
      return reply("250 2.0.0 taken");
    }
    switch (line.slice(0, 4).toUpperCase()) {
      case "DATA":
        data = [];
        return reply("354 go on");
      case "QUIT":
        reply("221 2.0.0 bye");
        return void socket.end();
      default:
        return reply("250 2.0.0 yes");
    }
  });
  reply("220 outside.example ESMTP");
}

/** The answer NXDOMAIN to a DNS question (RFC 1035 section 4.1.1). */
function knowNobody(question: Buffer): Buffer {
  const answer = Buffer.from(question);
  if (answer.length >= 12) {
    answer[2] = answer[2]! | 0x80;
    answer[3] = 0x83;
    // Whatever followed the question (EDNS) is left out of the counts.
    answer.fill(0, 6, 12);
  }
  return answer;
}

function listenTcp(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
}

function listenUdp(socket: UdpSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, "127.0.0.1", resolve);
  });
}
