/**
 * The company's mail programs: each user's looks for mail every few seconds, fetches what is new, and deletes what it has had for
 * a while. Some log in by USER, some by APOP, some behind STLS, some on the port that is encrypted from the first octet.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect as tcpConnect } from "node:net";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import { Connection } from "../harness/connection.ts";
import { type MailHost, PASSWORD } from "../harness/host.ts";
import { APOP_USERS, SECRET, USERS } from "./company-host.ts";
import { type Ledger, reportTo } from "./ledger.ts";

/** Messages that a mail program leaves on the server. */
const LEFT = 30;
const STUFFED_END = "\r\n.\r\n";

/** Polls all mailboxes, one after the other. */
export class CompanyPollers {
  readonly #host: MailHost;
  readonly #ledger: Ledger;
  /** What of each mailbox has been fetched and left there. */
  readonly #known = new Map<string, Set<string>>();
  polls = 0;
  fetched = 0;
  /** Logins that found the mailbox in use (RFC 2449, IN-USE). */
  inUse = 0;

  constructor(host: MailHost, ledger: Ledger) {
    this.#host = host;
    this.#ledger = ledger;
  }

  /** One session of a user; it comes again later when the mailbox is in use for long. */
  async poll(user: string, left = LEFT): Promise<void> {
    const connection = await this.#logIn(user);
    if (connection === undefined) {
      this.inUse += 1;
      return;
    }
    try {
      const uids = (await lines(connection, "UIDL")).map((line) => line.split(" ")[1]!);
      const known = this.#known.get(user) ?? new Set();
      for (const [i, uid] of uids.entries()) {
        if (!known.has(uid)) this.#take(user, await retrieve(connection, i + 1));
      }
      // Should QUIT fail, nothing has been deleted, and all of it is known.
      this.#known.set(user, new Set(uids));
      const doomed = Math.max(0, uids.length - left);
      for (let i = 1; i <= doomed; i++) await must(connection, `DELE ${i}`);
      await must(connection, "QUIT");
      this.#known.set(user, new Set(uids.slice(doomed)));
      this.polls += 1;
    } finally {
      connection.close();
    }
  }

  #take(user: string, head: Buffer): void {
    this.fetched += 1;
    const text = head.toString("latin1");
    const mark = /^X-Mark: (\d+)\r?$/m.exec(text)?.[1];
    if (mark === undefined)
      throw new Error(`a message without a mark in the mailbox of ${user}:\n${text.slice(0, 2000)}`);
    const isReport = /^Content-Type: multipart\/report/im.test(text.slice(0, text.indexOf("\r\n\r\n")));
    this.#ledger.found(Number(mark), isReport ? reportTo(user) : user);
  }

  async #logIn(user: string): Promise<Connection | undefined> {
    const way = APOP_USERS.includes(user)
      ? "apop"
      : (["user", "stls", "pop3s"] as const)[USERS.indexOf(user) % 3]!;
    let connection: Connection;
    let greeting: string;
    if (way === "pop3s") {
      connection = await encrypted(tcpConnect(this.#host.listening("pop3s")[0]!));
      greeting = await connection.readText();
    } else {
      connection = await Connection.open(this.#host.pop3);
      greeting = await connection.readText();
    }
    if (way === "stls") {
      await must(connection, "STLS");
      const { socket } = connection;
      socket.removeAllListeners("data");
      connection = await encrypted(socket);
    }
    let answer: string;
    if (way === "apop") {
      const stamp = /<[^>]+>/.exec(greeting)?.[0] ?? "";
      const digest = createHash("md5")
        .update(stamp + SECRET)
        .digest("hex");
      answer = await ask(connection, `APOP ${user} ${digest}`);
    } else {
      await must(connection, `USER ${user}`);
      answer = await ask(connection, `PASS ${PASSWORD}`);
    }
    if (answer.startsWith("+OK")) return connection;
    connection.close();
    if (answer.startsWith("-ERR [IN-USE]")) return undefined;
    throw new Error(`login: ${answer}`);
  }
}

async function encrypted(socket: Connection["socket"]): Promise<Connection> {
  if (socket.connecting) await once(socket, "connect");
  const tls: TLSSocket = tlsConnect({ socket, rejectUnauthorized: false });
  await once(tls, "secureConnect");
  return Connection.over(tls, 60_000);
}

async function ask(connection: Connection, line: string): Promise<string> {
  await connection.write(`${line}\r\n`);
  return connection.readText();
}

async function must(connection: Connection, line: string): Promise<string> {
  const answer = await ask(connection, line);
  if (!answer.startsWith("+OK")) throw new Error(`${line.split(" ")[0]}: ${answer}`);
  return answer;
}

async function lines(connection: Connection, command: string): Promise<string[]> {
  await must(connection, command);
  const all: string[] = [];
  for (let line = await connection.readText(); line !== "."; line = await connection.readText())
    all.push(line);
  return all;
}

/** A message; it is not gone through for its dots, nobody looks at them here. */
async function retrieve(connection: Connection, number: number): Promise<Buffer> {
  await must(connection, `RETR ${number}`);
  return connection.readThrough(STUFFED_END);
}
