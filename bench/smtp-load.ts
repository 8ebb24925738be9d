/**
 * The load generator, a process of its own so that it shares nothing but the machine with what it measures:
 *
 *     node --import tsx bench/smtp-load.ts '{"port":2525,"messages":2000,"connections":20, …}'
 *
 * Prints one JSON object: how many messages were accepted, in how many milliseconds, and how long each took.
 */
import { connect } from "node:net";

/** What to send. */
export interface Load {
  readonly port: number;
  readonly messages: number;
  readonly connections: number;
  /** Messages that go over one connection before it is closed; 0: all. */
  readonly perConnection: number;
  /** Octets of a message. */
  readonly size: number;
  /** Mailboxes `b00` … that take turns. */
  readonly mailboxes: number;
  readonly domain: string;
}

/** What came of it. */
export interface LoadResult {
  readonly accepted: number;
  readonly refused: number;
  readonly milliseconds: number;
  /** Time from the first command of a message to its 250, in ms. */
  readonly median: number;
  readonly p99: number;
}

/** The mark that ends each message; counted to see what was delivered. */
export const END_MARK = "=END=";

function messageOf(size: number): Buffer {
  const header = `From: <load@client.test>\r\nSubject: bench\r\nDate: Tue, 24 Nov 2026 21:59:01 +0800\r\n\r\n`;
  const line = `${"m".repeat(70)}\r\n`;
  const lines = Math.max(0, Math.floor((size - header.length - END_MARK.length - 2) / line.length));
  return Buffer.from(`${header}${line.repeat(lines)}${END_MARK}\r\n.\r\n`);
}

/** Sends the load; resolves when all of it is answered. */
export async function sendLoad(load: Load): Promise<LoadResult> {
  const message = messageOf(load.size);
  const times: number[] = [];
  let next = 0;
  let refused = 0;

  /** One connection; resolves when it is closed. */
  const connection = (): Promise<void> =>
    new Promise((done, fail) => {
      const socket = connect({ host: "127.0.0.1", port: load.port });
      socket.setNoDelay(true);
      let buffered = "";
      let stage: "greeting" | "hello" | "mail" | "rcpt" | "data" | "end" | "quit" = "greeting";
      let left = load.perConnection === 0 ? Number.POSITIVE_INFINITY : load.perConnection;
      let began = 0;
      const begin = () => {
        if (left === 0 || next >= load.messages) {
          stage = "quit";
          socket.write("QUIT\r\n");
          return;
        }
        left -= 1;
        const user = `b${String(next++ % load.mailboxes).padStart(2, "0")}`;
        began = performance.now();
        stage = "mail";
        socket.write(`MAIL FROM:<load@client.test>\r\nRCPT TO:<${user}@${load.domain}>\r\nDATA\r\n`);
      };
      const onReply = (code: string) => {
        if (stage === "greeting") {
          stage = "hello";
          socket.write("EHLO client.test\r\n");
        } else if (stage === "hello") begin();
        else if (stage === "mail") stage = code === "250" ? "rcpt" : refuse(code);
        else if (stage === "rcpt") stage = code === "250" ? "data" : refuse(code);
        else if (stage === "data") {
          stage = "end";
          socket.write(message);
        } else if (stage === "end") {
          if (code === "250") times.push(performance.now() - began);
          else refused += 1;
          begin();
        } else socket.end();
      };
      const refuse = (code: string): never => {
        throw new Error(`${stage}: ${code}`);
      };
      socket.on("data", (chunk) => {
        buffered += chunk.toString("latin1");
        for (let at = buffered.indexOf("\r\n"); at >= 0; at = buffered.indexOf("\r\n")) {
          const line = buffered.slice(0, at);
          buffered = buffered.slice(at + 2);
          try {
            if (line[3] !== "-") onReply(line.slice(0, 3));
          } catch (error) {
            socket.destroy();
            fail(error);
          }
        }
      });
      socket.on("error", fail);
      socket.on("close", () => done());
    });

  const began = performance.now();
  const lane = async () => {
    while (next < load.messages) await connection();
  };
  await Promise.all(Array.from({ length: load.connections }, lane));
  const milliseconds = performance.now() - began;
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { accepted: times.length, refused, milliseconds, median: at(0.5), p99: at(0.99) };
}

if (process.argv[1]?.endsWith("smtp-load.ts") && process.argv[2] !== undefined) {
  process.stdout.write(JSON.stringify(await sendLoad(JSON.parse(process.argv[2]) as Load)));
}
