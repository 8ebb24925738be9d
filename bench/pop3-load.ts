/**
 * A POP3 client that is asked for one measurement and prints it as JSON; a process of its own, so that it shares no thread with
 * what it measures. Of messages it looks for their ends only, and says how much of the time it was busy with that.
 *
 *     node --import tsx bench/pop3-load.ts '{"what":"retr","port":1110,"users":["big"],"password":"pw"}'
 */
import { connect, type Socket } from "node:net";

/** What is measured. */
export interface Pop3Load {
  /**
   * `open`: one login, STAT, LIST and UIDL. `retr`: every message. `half`: every other message deleted, then QUIT.
   * `logins`: sessions a second of login, STAT and QUIT. `idle`: sessions that are logged in and wait for the end of the input.
   */
  readonly what: "open" | "retr" | "half" | "logins" | "idle";
  readonly port: number;
  readonly users: readonly string[];
  readonly password: string;
  /** Commands ahead of their answers; 1. */
  readonly window?: number;
  /** Clients at a time; 1. */
  readonly clients?: number;
  /** How long logins are counted, ms; everybody logs in at least once. */
  readonly duration?: number;
}

/** What came out. */
export interface Pop3LoadResult {
  /** To the last answer, ms. */
  readonly milliseconds: number;
  /** Messages, or sessions. */
  readonly count: number;
  readonly octets: number;
  /** Of the time, how much this process computed. */
  readonly busy: number;
}

const END = Buffer.from("\r\n.\r\n");
const END_TEXT = END.toString("latin1");
const [LF, PLUS] = [0x0a, 0x2b];

/** One connection; answers are awaited in their order. */
class Client {
  readonly #socket: Socket;
  #chunk: Buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  #gone = false;
  /** Takes what comes in place of those who wait for lines. */
  #take: ((chunk: Buffer) => void) | undefined;

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk: Buffer) => {
      if (this.#take !== undefined) return this.#take(chunk);
      this.#chunk = this.#chunk.length === 0 ? chunk : Buffer.concat([this.#chunk, chunk]);
      this.#wake();
    });
    for (const event of ["end", "close", "error"]) {
      this.#socket.on(event, () => {
        this.#gone = true;
        this.#wake();
      });
    }
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** The next line; it must be +OK. */
  async ok(): Promise<string> {
    for (;;) {
      const end = this.#chunk.indexOf(LF);
      if (end >= 0) {
        const line = this.#chunk.toString("latin1", 0, end).trimEnd();
        this.#chunk = this.#chunk.subarray(end + 1);
        if (!line.startsWith("+OK")) throw new Error(line);
        return line;
      }
      await this.#more();
    }
  }

  /** What follows a status line, up to the dot. */
  async rest(): Promise<void> {
    let before = Buffer.from("\r\n");
    for (;;) {
      // The end may be cut anywhere: its start is in what came before.
      const seam = Buffer.concat([before, this.#chunk.subarray(0, END.length - 1)]);
      const inSeam = seam.indexOf(END);
      const found = inSeam >= 0 ? inSeam - before.length : this.#chunk.indexOf(END);
      if (inSeam >= 0 || found >= 0) {
        const next = found + END.length;
        this.#chunk = this.#chunk.subarray(next);
        return;
      }
      const kept = Buffer.concat([before, this.#chunk.subarray(-END.length)]);
      before = Buffer.from(kept.subarray(-(END.length - 1)));
      this.#chunk = Buffer.alloc(0);
      await this.#more();
    }
  }

  async login(user: string, password: string): Promise<void> {
    await this.ok();
    this.send(`USER ${user}\r\n`);
    await this.ok();
    this.send(`PASS ${password}\r\n`);
    await this.ok();
  }

  async count(): Promise<number> {
    this.send("STAT\r\n");
    return Number((await this.ok()).split(" ")[1]);
  }

  async quit(): Promise<void> {
    this.send("QUIT\r\n");
    await this.ok();
    this.#socket.destroy();
  }

  /** Sends a command for each number, so many ahead, and takes each answer. */
  async each(
    numbers: readonly number[],
    window: number,
    verb: string,
    answer: () => Promise<unknown>,
  ): Promise<void> {
    let sent = 0;
    for (let done = 0; done < numbers.length; done++) {
      const upTo = Math.min(numbers.length, done + window);
      if (sent < upTo) {
        this.send(
          numbers
            .slice(sent, upTo)
            .map((n) => `${verb} ${n}\r\n`)
            .join(""),
        );
      }
      sent = Math.max(sent, upTo);
      await answer();
    }
  }

  /** Fetches messages, so many commands ahead; resolves with the octets of all, final dots included. */
  fetch(numbers: readonly number[], window: number): Promise<number> {
    const socket = this.#socket;
    const commands = numbers.map((n) => `RETR ${n}\r\n`);
    let [sent, done, octets] = [0, 0, 0];
    /** The end of what came before, as far as a message's end may begin in it; undefined in a status line. */
    let before: string | undefined;
    let atStatus = true;
    const send = () => {
      const upTo = Math.min(commands.length, done + window);
      if (sent < upTo) socket.write(commands.slice(sent, upTo).join(""));
      sent = upTo;
    };
    return new Promise((resolve, reject) => {
      const take = (chunk: Buffer) => {
        for (let at = 0; at < chunk.length; ) {
          if (before === undefined) {
            if (atStatus && chunk[at] !== PLUS)
              return reject(new Error(chunk.toString("latin1", at, at + 80)));
            const end = chunk.indexOf(LF, at);
            atStatus = false;
            if (end < 0) return;
            at = end + 1;
            before = "\r\n";
            continue;
          }
          const seam = (before + chunk.toString("latin1", at, at + END.length - 1)).indexOf(END_TEXT);
          const end = seam >= 0 ? at + seam - before.length : chunk.indexOf(END, at);
          if (end < at && seam < 0) {
            octets += chunk.length - at;
            before = (before + chunk.toString("latin1", Math.max(at, chunk.length - 4))).slice(-4);
            return;
          }
          octets += end + END.length - at;
          at = end + END.length;
          before = undefined;
          atStatus = true;
          done++;
          if (done < commands.length) send();
          else {
            this.#take = undefined;
            resolve(octets);
          }
        }
      };
      this.#take = take;
      socket.on("close", () => reject(new Error("the server has closed the connection")));
      send();
    });
  }

  async #more(): Promise<void> {
    if (this.#gone) throw new Error("the server has closed the connection");
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

async function run(load: Pop3Load): Promise<Pop3LoadResult> {
  const { port, users, password, window = 1, clients = 1, duration = 3000 } = load;
  const cpu = process.cpuUsage();
  let began = performance.now();
  const result = (count: number, octets = 0): Pop3LoadResult => {
    const milliseconds = performance.now() - began;
    const { user, system } = process.cpuUsage(cpu);
    return { milliseconds, count, octets, busy: (user + system) / 1000 / milliseconds };
  };
  const user = users[0]!;
  switch (load.what) {
    case "open": {
      const client = new Client(port);
      await client.login(user, password);
      const count = await client.count();
      for (const verb of ["LIST", "UIDL"]) {
        client.send(`${verb}\r\n`);
        await client.ok();
        await client.rest();
      }
      const done = result(count);
      await client.quit();
      return done;
    }
    case "retr":
    case "half": {
      const client = new Client(port);
      await client.login(user, password);
      const count = await client.count();
      began = performance.now();
      const all = Array.from({ length: count }, (_, i) => i + 1);
      if (load.what === "retr") {
        const octets = await client.fetch(all, window);
        const done = result(count, octets);
        await client.quit();
        return done;
      }
      const half = all.filter((n) => n % 2 === 1);
      await client.each(half, 500, "DELE", () => client.ok());
      began = performance.now();
      await client.quit();
      return result(half.length);
    }
    case "logins": {
      let count = 0;
      const one = async (mine: readonly string[]) => {
        for (let i = 0; i < mine.length || performance.now() - began < duration; i++) {
          const client = new Client(port);
          await client.login(mine[i % mine.length]!, password);
          await client.count();
          await client.quit();
          count++;
        }
      };
      // No two clients share a mailbox, or they would wait for each other.
      await Promise.all(
        Array.from({ length: clients }, (_, c) => one(users.filter((_user, i) => i % clients === c))),
      );
      return result(count);
    }
    case "idle": {
      const open: Client[] = [];
      for (let i = 0; i < users.length; i += 10) {
        const some = users.slice(i, i + 10).map(async (name) => {
          const client = new Client(port);
          open.push(client);
          await client.login(name, password);
          await client.count();
        });
        await Promise.all(some);
      }
      const done = result(open.length);
      process.stdout.write(`${JSON.stringify(done)}\n`);
      await new Promise((resolve) => process.stdin.on("end", resolve).resume());
      process.exit(0);
    }
  }
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2]!) as Pop3Load))}\n`);
