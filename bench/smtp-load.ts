/**
 * The load generator for Node, where there is no C compiler: native/smtp-load.c says what it does, and this takes the same arguments
 * and prints the same.
 *
 *     node --import tsx bench/smtp-load.ts port=2525 messages=2000 connections=20 each=1 size=10240
 */
import { connect } from "node:net";

/** What to send. */
export interface Load {
  readonly port: number;
  readonly messages: number;
  readonly connections: number;
  /** Messages that go over one connection before it is closed; 0: all. */
  readonly each: number;
  /** Octets of a message's text. */
  readonly size: number;
  /** Mailboxes `b00` … that take turns. */
  readonly mailboxes: number;
  readonly domain: string;
  /** When it gives up. */
  readonly seconds: number;
}

/** Times of many, ms. */
export interface Times {
  readonly median: number;
  readonly p99: number;
  readonly longest: number;
}

/** What came of it. */
export interface LoadResult {
  readonly accepted: number;
  /** Refusals and broken connections; what they held was sent anew. */
  readonly failures: number;
  readonly firstFailure: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** To the last 250. */
  readonly milliseconds: number;
  /** From connect to greeting. */
  readonly greeting: Times;
  /** From MAIL to the 250 of the message. */
  readonly letter: Times;
  /** What the generator itself computed, ms. */
  readonly processor: number;
}

/** The line that ends each message; counted to see what was delivered. */
export const END_MARK = "=END=";

/** A load as arguments of the generator. */
export function loadArguments(load: Load): string[] {
  return Object.entries(load).map(([name, value]) => `${name}=${value}`);
}

type Stage = "greeting" | "hello" | "mail" | "rcpt" | "data" | "text";
const EXPECTED: Readonly<Record<Stage, string>> = {
  greeting: "2",
  hello: "2",
  mail: "2",
  rcpt: "2",
  data: "3",
  text: "2",
};

/** Sends the load; resolves when all of it is answered or the time is over. */
export async function sendLoad(load: Load): Promise<LoadResult> {
  const line = `${"m".repeat(76)}\r\n`;
  const text = Buffer.from(`${line.repeat(Math.floor(load.size / 78))}${END_MARK}\r\n.\r\n`);
  const greetings: number[] = [];
  const letters: number[] = [];
  const again: number[] = [];
  const failures: string[] = [];
  let fresh = 0;
  const startedAt = Date.now();
  const started = performance.now();
  const late = () => performance.now() - started > load.seconds * 1000;
  const more = () => !late() && (again.length > 0 || fresh < load.messages);

  /** One connection; resolves when it is over. */
  const connection = (): Promise<void> =>
    new Promise((done) => {
      const opened = performance.now();
      let began = 0;
      let number: number | undefined = again.pop() ?? fresh++;
      let taken = 0;
      let stage: Stage = "greeting";
      let held = "";
      const socket = connect({ host: "127.0.0.1", port: load.port, noDelay: true });
      const say = (next: Stage, words: string) => {
        stage = next;
        socket.write(`${words}\r\n`);
      };
      const over = () => {
        socket.destroy();
        done();
      };
      const fail = (why: string) => {
        if (socket.destroyed) return;
        failures.push(why);
        if (number !== undefined) again.push(number);
        over();
      };
      const begin = () => {
        number ??= again.pop() ?? fresh++;
        began = performance.now();
        say("mail", "MAIL FROM:<load@client.test>");
      };
      const onReply = (reply: string) => {
        if (!reply.startsWith(EXPECTED[stage])) return fail(reply);
        const who = `b${String((number ?? 0) % load.mailboxes).padStart(2, "0")}@${load.domain}`;
        if (stage === "greeting") {
          greetings.push(performance.now() - opened);
          say("hello", "EHLO client.test");
        } else if (stage === "hello") begin();
        else if (stage === "mail") say("rcpt", `RCPT TO:<${who}>`);
        else if (stage === "rcpt") say("data", "DATA");
        else if (stage === "data") {
          const id = `<${number}.${process.pid}@client.test>`;
          stage = "text";
          socket.write(
            `From: Load <load@client.test>\r\nTo: <${who}>\r\nSubject: message ${number}\r\nDate: Tue, 24 Nov 2026 21:59:01 +0800\r\nMessage-ID: ${id}\r\n\r\n`,
          );
          socket.write(text);
        } else {
          letters.push(performance.now() - began);
          number = undefined;
          taken += 1;
          if ((load.each === 0 || taken < load.each) && more()) return begin();
          socket.write("QUIT\r\n", () => over());
        }
      };
      socket.on("data", (chunk) => {
        held += chunk.toString("latin1");
        for (let at = held.indexOf("\r\n"); at >= 0 && !socket.destroyed; at = held.indexOf("\r\n")) {
          const reply = held.slice(0, at);
          held = held.slice(at + 2);
          if (reply[3] !== "-") onReply(reply);
        }
      });
      socket.on("error", (error) => fail(error.message));
      socket.on("close", () => fail("the server closed the connection"));
      if (load.seconds > 0)
        setTimeout(() => fail("the time is over"), load.seconds * 1000 - (opened - started)).unref();
    });

  const lane = async () => {
    while (more()) await connection();
  };
  await Promise.all(Array.from({ length: load.connections }, lane));
  const { user, system } = process.cpuUsage();
  return {
    accepted: letters.length,
    failures: failures.length,
    firstFailure: failures[0] ?? "",
    startedAt,
    milliseconds: performance.now() - started,
    greeting: timesOf(greetings),
    letter: timesOf(letters),
    processor: (user + system) / 1000,
  };
}

function timesOf(all: readonly number[]): Times {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return { median: at(0.5), p99: at(0.99), longest: at(1) };
}

if (process.argv[1]?.endsWith("smtp-load.ts")) {
  const words = Object.fromEntries(process.argv.slice(2).map((word) => word.split("=", 2)));
  const { domain = "bench.test", ...numbers } = words as Record<string, string>;
  const load = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value)]));
  process.stdout.write(`${JSON.stringify(await sendLoad({ ...load, domain } as unknown as Load))}\n`);
}
