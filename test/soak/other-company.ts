/**
 * The other company's mail host: takes mail for `partner.example`, has nobody of the name `gone`, and now and then puts a recipient
 * off. It keeps nothing but the marks of what it took, so it may run for hours.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Random } from "../corpus/random.ts";

/** A running one. */
export interface OtherCompany {
  readonly port: number;
  readonly taken: number;
  readonly deferred: number;
  close(): Promise<void>;
}

const END = "\r\n.\r\n";
/** Octets of a message that are kept while it comes. */
const HEAD = 4096;
/** One recipient in so many is put off. */
const PUTS_OFF = 0.05;

/** Starts it; `took` is told of each message. */
export async function startOtherCompany(
  host: string,
  random: Random,
  took: (message: Buffer) => void,
): Promise<OtherCompany> {
  const sockets = new Set<Socket>();
  let [taken, deferred] = [0, 0];
  const answer = (line: string): string => {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === "EHLO") return "250-mx.partner.example\r\n250-PIPELINING\r\n250 SIZE 100000000";
    if (verb === "QUIT") return "221 2.0.0 bye";
    if (verb === "DATA") return "354 go ahead";
    if (verb !== "RCPT") return "250 2.0.0 ok";
    if (/<gone/i.test(line)) return "550 5.1.1 User unknown";
    if (!random.chance(PUTS_OFF)) return "250 2.1.5 ok";
    deferred += 1;
    return "451 4.7.1 Greylisted, please try again";
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.setNoDelay(true);
    socket.write("220 mx.partner.example ESMTP\r\n");
    let pending: Buffer = Buffer.alloc(0);
    let message: Buffer | undefined;
    let accepted = 0;
    const line = (text: string): void => {
      const said = answer(text);
      if (/^RCPT/i.test(text) && said.startsWith("2")) accepted += 1;
      if (/^MAIL/i.test(text)) accepted = 0;
      if (said.startsWith("354") && accepted === 0) {
        socket.write("503 5.5.1 no recipients\r\n");
        return;
      }
      if (said.startsWith("354")) message = Buffer.alloc(0);
      socket.write(`${said}\r\n`);
      if (said.startsWith("221")) socket.end();
    };
    socket.on("data", (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      for (;;) {
        if (message === undefined) {
          const at = pending.indexOf("\r\n");
          if (at < 0) return;
          const text = pending.toString("latin1", 0, at);
          pending = pending.subarray(at + 2);
          line(text);
          continue;
        }
        const end = pending.indexOf(END);
        // Without an end: all but what may be the beginning of its mark. Of a large message the beginning is all that counts.
        const size = end < 0 ? Math.max(0, pending.length - END.length) : end;
        message = Buffer.concat([message, pending.subarray(0, Math.min(size, HEAD - message.length))]);
        pending = pending.subarray(end < 0 ? size : end + END.length);
        if (end < 0) return;
        took(message);
        taken += 1;
        message = undefined;
        socket.write("250 2.0.0 taken\r\n");
      }
    });
  });
  server.listen(0, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get taken() {
      return taken;
    },
    get deferred() {
      return deferred;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}
