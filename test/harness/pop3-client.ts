/**
 * A minimal POP3 client for tests.
 */
import { Connection, type ConnectOptions, type Endpoint } from "./connection.ts";

/** An open session. */
export interface Pop3Client {
  readonly connection: Connection;
  /** Sends a command and returns the first line of the answer, whatever it says. */
  command(line: string): Promise<string>;
  /** Sends a command that must succeed with a multi-line answer; the lines, dots undone. */
  lines(line: string): Promise<string[]>;
  /** USER and PASS; the answer to the last one sent. */
  login(user: string, password: string): Promise<string>;
  /** A message, byte for byte, dots undone, as octets with CRLF line ends. */
  retrieve(number: number): Promise<Buffer>;
  /** The header of a message and so many lines of its body, likewise. */
  top(number: number, lines: number): Promise<Buffer>;
  /** Number of messages, by STAT. */
  count(): Promise<number>;
  /** The unique ids in the order of the messages. */
  uids(): Promise<string[]>;
  quit(): Promise<string>;
  close(): void;
}

/** Connects and reads the greeting. */
export async function openPop3(to: Endpoint, options: ConnectOptions = {}): Promise<Pop3Client> {
  const connection = await Connection.open(to, options);
  const command = async (line: string): Promise<string> => {
    await connection.write(`${line}\r\n`);
    return connection.readText();
  };
  const must = async (line: string): Promise<string> => {
    const answer = await command(line);
    if (!answer.startsWith("+OK")) throw new Error(`${line}: ${answer}`);
    return answer;
  };
  const multiLine = async (line: string): Promise<Buffer> => {
    await must(line);
    return readMultiLine(connection);
  };
  const lines = async (line: string) => {
    const text = (await multiLine(line)).toString("latin1");
    return text === "" ? [] : text.slice(0, -2).split("\r\n");
  };
  const greeting = await connection.readText().catch((error: unknown) => {
    connection.close();
    throw error;
  });
  if (!greeting.startsWith("+OK")) {
    connection.close();
    throw new Error(greeting);
  }
  return {
    connection,
    command,
    lines,
    async login(user, password) {
      const known = await command(`USER ${user}`);
      return known.startsWith("+OK") ? command(`PASS ${password}`) : known;
    },
    retrieve: (number) => multiLine(`RETR ${number}`),
    top: (number, lines) => multiLine(`TOP ${number} ${lines}`),
    count: async () => Number((await must("STAT")).split(" ")[1]),
    uids: async () => (await lines("UIDL")).map((line) => line.split(" ")[1] ?? ""),
    async quit() {
      try {
        return await command("QUIT");
      } finally {
        connection.close();
      }
    },
    close: () => connection.close(),
  };
}

/** Logs in or fails. */
export async function loggedIn(
  to: Endpoint,
  user: string,
  password: string,
  options: ConnectOptions = {},
): Promise<Pop3Client> {
  const client = await openPop3(to, options);
  const answer = await client.login(user, password);
  if (answer.startsWith("+OK")) return client;
  client.close();
  throw new Error(`login of ${user}: ${answer}`);
}

/** The body of a multi-line answer (RFC 1939 section 3) without its end mark, dots undone. */
async function readMultiLine(connection: Connection): Promise<Buffer> {
  // The end mark begins with the line end before it, which may be that of the status line.
  connection.putBack(Buffer.from("\r\n"));
  const whole = (await connection.readThrough("\r\n.\r\n")).toString("latin1");
  return Buffer.from(whole.slice(0, -3).replaceAll("\r\n.", "\r\n").slice(2), "latin1");
}
