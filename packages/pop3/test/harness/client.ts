/**
 * A POP3 client for tests: dialogues as they are written in RFCs, and single commands.
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { PASSWORD } from "./server.ts";

/** One connection. */
export class TestClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", end);
  }

  /** The next line, without its CR LF; undefined at the end of the connection. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#received.indexOf("\r\n");
      if (end >= 0) {
        const text = this.#received.toString("latin1", 0, end);
        this.#received = this.#received.subarray(end + 2);
        return text;
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, "latin1"));
  }

  /** Sends a command and takes its status line. */
  async command(text: string): Promise<string> {
    this.send(`${text}\r\n`);
    return (await this.line()) ?? "(closed)";
  }

  /** The lines up to the dot, as sent. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      if (line === undefined || line === ".") return lines;
      lines.push(line);
    }
  }

  /** A command with a multi-line reply. */
  async list(text: string): Promise<string[]> {
    assert.match(await this.command(text), /^\+OK/);
    return await this.rest();
  }

  /** A message's text, dots unstuffed, and the octets that were announced. */
  async retrieve(number: number): Promise<{ text: string; announced: number }> {
    const status = await this.command(`RETR ${number}`);
    assert.match(status, /^\+OK \d+ octets$/);
    const lines = await this.rest();
    const text = lines.map((line) => `${line.replace(/^\./, "")}\r\n`).join("");
    return { text, announced: Number(status.split(" ")[1]) };
  }

  /** The unique ids, in order. */
  async uids(): Promise<string[]> {
    return (await this.list("UIDL")).map((line) => line.split(" ")[1]!);
  }

  /** Ends with QUIT and returns its reply. */
  async quit(): Promise<string> {
    const reply = await this.command("QUIT");
    assert.equal(await this.line(), undefined);
    this.socket.destroy();
    return reply;
  }

  /** Ends without QUIT. */
  drop(): void {
    this.socket.resetAndDestroy();
  }
}

/** Connects and takes the greeting. */
export async function connected(port: number, localAddress = "127.0.0.1"): Promise<TestClient> {
  const client = new TestClient(connect({ port, host: "127.0.0.1", localAddress }));
  assert.match((await client.line()) ?? "", /^\+OK /);
  return client;
}

/** Connects and logs in, again while a session that is just ending still has the mailbox. */
export async function loggedIn(port: number, user = "wang"): Promise<TestClient> {
  const client = await connected(port);
  for (;;) {
    await client.command(`USER ${user}`);
    const reply = await client.command(`PASS ${PASSWORD}`);
    if (reply.startsWith("+OK")) return client;
    assert.match(reply, /^-ERR \[IN-USE\]/);
  }
}

/**
 * Plays a dialogue: `C:` lines are sent, `S:` lines must come; `…` at the end of one stands for anything.
 */
export async function dialogue(port: number, text: string): Promise<void> {
  const client = new TestClient(connect(port, "127.0.0.1"));
  for (const row of text.split("\n").map((line) => line.trim())) {
    if (row === "") continue;
    const said = row.slice(3);
    if (row.startsWith("C:")) {
      client.send(`${said}\r\n`);
      continue;
    }
    const heard = await client.line();
    if (said.endsWith("…")) {
      assert.equal(heard?.slice(0, said.length - 1), said.slice(0, -1));
    } else assert.equal(heard, said);
  }
  client.socket.destroy();
}
