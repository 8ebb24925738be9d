/**
 * The sink for Node, where there is no C compiler: native/smtp-sink.c says what it does.
 *
 *     node --import tsx bench/smtp-sink.ts FILE
 */
import { openSync, writeSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** What a sink has taken. */
export interface SinkFigures {
  readonly messages: number;
  /** When the last came, milliseconds since 1970. */
  readonly lastAt: number;
}

/** Reads the figures that a sink keeps in its file. */
export function sinkFigures(file: Buffer): SinkFigures {
  return { messages: Number(file.readBigUInt64LE(0)), lastAt: Number(file.readBigUInt64LE(8)) / 1000 };
}

function serve(socket: Socket, taken: () => void): void {
  let held = "";
  let inText = false;
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.write("220 sink.test ESMTP\r\n");
  socket.on("data", (chunk) => {
    held += chunk.toString("latin1");
    for (;;) {
      const end = inText ? held.indexOf("\r\n.\r\n") : held.indexOf("\n");
      if (end < 0) {
        // Of a text only its end matters.
        if (inText) held = held.slice(-4);
        return;
      }
      if (inText) {
        held = held.slice(end + 5);
        inText = false;
        taken();
        socket.write("250 taken\r\n");
        continue;
      }
      const line = held.slice(0, end).toUpperCase();
      held = held.slice(end + 1);
      if (line.startsWith("EHLO"))
        socket.write("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n");
      else if (line.startsWith("QUIT")) return void socket.end("221 bye\r\n");
      else if (line.startsWith("DATA")) {
        inText = true;
        // A dot on the first line ends it, too.
        held = `\r\n${held}`;
        socket.write("354 go on\r\n");
      } else socket.write("250 ok\r\n");
    }
  });
}

if (process.argv[1]?.endsWith("smtp-sink.ts") && process.argv[2] !== undefined) {
  const file = openSync(process.argv[2], "w+");
  const figures = Buffer.alloc(16);
  writeSync(file, figures, 0, 16, 0);
  const server = createServer((socket) =>
    serve(socket, () => {
      figures.writeBigUInt64LE(figures.readBigUInt64LE(0) + 1n, 0);
      figures.writeBigUInt64LE(BigInt(Date.now()) * 1000n, 8);
      writeSync(file, figures, 0, 16, 0);
    }),
  );
  server.listen(0, "127.0.0.1", 1024, () =>
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`),
  );
}
